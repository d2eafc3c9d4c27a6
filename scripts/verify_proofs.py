"""Verify the proofs in a bundle, with nothing of Stemmata's own: python scripts/verify_proofs.py BUNDLE [URL]

Each claim of a bundle has to be told by a log entry of its contract, in its transaction, word by word; the entries of a
block with a proof have to be in the block of that hash (Yellow Paper, sections 4.4.1 and 4.4.3, appendix D; EIP-2718;
events by Solidity's contract ABI); a track that was anchored has to be under the root that its entry tells (RFC 9162,
section 2.1.3). With the URL of a node, which gets numbers of blocks and nothing else, it asks whether the chain has
these blocks: for what is proved, nobody need then be trusted but the node. Needs eth-utils, rlp and trie. Exit code
0: they hold. 2: usage. 4: one does not. 5: no answer, or no proof.
"""

import json
import re
import sys
import urllib.request
import zipfile
from hashlib import sha256
from pathlib import Path

import rlp
from eth_utils import is_checksum_address, keccak
from trie import HexaryTrie

TERMS = "(uint96,uint40,uint24,uint8,uint8,address)"  # of an offer
ISSUE = "(address,address,uint8,uint40,uint24,uint256,address)"  # of a license


def require(holds, what: str) -> None:
    if not holds:
        raise ValueError(what)


def raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def proved(number: str, block: dict, proof: dict, entries: list[dict]) -> None:
    """Check the log entries of a block against its header, and that against its hash."""
    header = raw(proof["header"])
    fields = rlp.decode(header)
    bound = ("0x" + keccak(header).hex(), int.from_bytes(fields[8]), int.from_bytes(fields[11]))
    require(bound == (block["hash"], int(number), block["time"]), f"block {number} has another header")
    trie = HexaryTrie({keccak(node): node for node in map(raw, proof["nodes"])}, fields[5])
    held = {}  # each receipt is read once, however many entries it has
    for tx in {entry["tx"] for entry in entries}:
        receipt = trie[rlp.encode(proof["places"][tx])]
        logs = rlp.decode(receipt[receipt[0] < 128 :])[3]
        held[tx] = {(address, tuple(topics), data) for address, topics, data in logs}
    for entry in entries:
        said = (raw(entry["address"]), tuple(map(raw, entry["topics"])), raw(entry["data"]))
        require(said in held[entry["tx"]], f"an entry of {entry['address']} is not in block {number}")


def climb(node: bytes, place: int, size: int, path: list[bytes]) -> bytes:
    """The root that a node and its proof lead to."""
    if size == 1 and place == 0 and not path:
        return node
    half = 1 << (size - 1).bit_length() - 1
    if place < half:
        return sha256(b"\1" + climb(node, place, half, path[:-1]) + path[-1]).digest()
    return sha256(b"\1" + path[-1] + climb(node, place - half, size - half, path[:-1])).digest()


def event(claim: dict, datasets: str) -> tuple[str, dict]:
    """The event that tells of a claim, and what has to stand where among the words of its topics and then its data."""
    says, record, (*others, signer) = claim["says"], claim["record"], claim["signers"]
    if claim["kind"] == "license":
        require(claim["id"].endswith(f" of dataset {says['subjectId']}"), "a license is of another dataset")
        words = {1: says["subjectId"], 2: signer, 4: datasets, 9: int(says["price"]), 11: record}
        if not words[9]:  # whoever gave it has signed it too
            words[5] = others.pop()
        words[3] = int(claim["id"].split()[0])
        name = f"Licensed(uint256,address,uint256,{ISSUE},bytes32,bytes32)"
    elif claim["kind"] == "dataset":
        words = {1: int(claim["id"]), 2: says["subject.recordings"], 3: signer, 4: record}
        name = f"Registered(uint256,bytes32,address,bytes32,{TERMS},string)"
    elif claim["kind"] == "model":
        words = {1: int(claim["id"]), 2: says["subject.weights"], 3: signer, 4: record, 5: says["royaltyPpm"]}
        name = "Recorded(uint256,bytes32,address,bytes32,uint24,uint256[],uint32[],uint256[],uint48[],string)"
    elif "anchored" in claim:
        words = {1: climbed(claim), 2: signer, 3: says["claim.model"], 4: claim["anchored"]["size"]}
        words[5] = says["royaltyPpm"]
        name = "Anchored(bytes32,address,uint256,uint256,uint24,bytes32)"
    else:
        words = {1: claim["id"], 2: claim["claim"], 3: says["subject.audio"], 4: says["claim.model"]}
        words |= {5: signer, 6: record, 7: says["royaltyPpm"]}
        name = "Minted(uint256,bytes32,bytes32,uint256,address,bytes32,uint24,bytes32)"
    require(not others, f"{claim['kind']} {claim['id']} has other signers than its log entry")
    return name, words


def climbed(claim: dict) -> str:
    """The root that an anchored track lies under."""
    proof, leaf = claim["anchored"], raw(claim["claim"] + claim["says"]["subject.audio"] + claim["record"])
    top = climb(sha256(b"\0" + leaf).digest(), proof["index"], proof["size"], [raw(one) for one in proof["path"]])
    require(top == raw(proof["root"]), f"track {claim['id']} is not under the root that was anchored")
    require([proof["creator"]] == claim["signers"], f"track {claim['id']} was anchored by somebody else")
    return proof["root"]


def told(claim: dict, deployment: dict, entries: list[dict]) -> None:
    """Check that a log entry of a claim's contract and transaction, and of its kind, tells of it word by word."""
    name, words = event(claim, deployment["datasets"])
    wanted = {0: keccak(name.encode())}
    for place, word in words.items():
        wanted[place] = word.to_bytes(32) if isinstance(word, int) else raw(word).rjust(32, b"\0")
    where = (deployment[claim["kind"] + "s"], claim["block"], claim["tx"])
    for entry in entries:
        if (entry["address"], entry["block"], entry["tx"]) == where:
            said = b"".join(map(raw, (*entry["topics"], entry["data"])))
            if all(said[32 * place :][:32] == word for place, word in wanted.items()):
                return
    raise ValueError(f"no log entry tells of {claim['kind']} {claim['id']} and its signers")


def on_chain(url: str, number: str) -> str | None:
    """The hash that a node gives for a block."""
    query = {"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": [hex(int(number)), False]}
    request = urllib.request.Request(url, json.dumps(query).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return (json.load(answer)["result"] or {}).get("hash")


def checks(said: dict):
    """Every check of what a bundle says, as its outcome and what it was about."""
    chain, deployment = said["chain"], said["deployment"]
    try:
        contracts = [address for name, address in deployment.items() if name not in ("block", "chain_id")]
        require(all(map(is_checksum_address, contracts)), "a contract has no address")
        entries = [entry for answer in chain["logs"].values() for entry in answer]
        by_tx = {}
        for entry in entries:
            by_tx.setdefault(entry["tx"], []).append(entry)
        for claim in said["claims"]:
            told(claim, deployment, by_tx.get(claim["tx"], []))
        for number, proof in chain["proofs"].items():
            own, block = [entry for entry in entries if str(entry["block"]) == number], chain["blocks"][number]
            proved(number, block, proof, own)
            yield "ok", f"block {number}: {len(own)} of the log entries are in it, if its hash is {block['hash']}"
        open_ = sorted({str(entry["block"]) for entry in entries} - set(chain["proofs"]))
        if open_:
            yield "note", f"no proof of block {', '.join(open_)}: what it logged is on the word of the bundle's giver"
    except Exception as error:  # whatever somebody put there
        yield "invalid", f"proof: {error!r}"


def main(bundle: str, url: str | None = None) -> int:
    try:
        with zipfile.ZipFile(bundle) as archive:
            said = json.loads(archive.read("bundle.json"))
        found = list(checks(said))
    except Exception as error:  # whatever somebody put there
        found = [("invalid", f"bundle: {error!r}")]
    print("\n".join(": ".join(check) for check in found))
    if "invalid" in dict(found):
        return 4
    unproved = "note" in dict(found)
    if url is None:
        return 5 if unproved else 0
    hashes = {number: said["chain"]["blocks"][number]["hash"] for number in said["chain"]["proofs"]}
    try:
        others = [number for number, known in hashes.items() if on_chain(url, number) != known]
    except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        print(f"unverifiable: the node does not answer: {type(error).__name__}")
        return 5
    if others:
        print(f"invalid: the chain has other blocks, or none, at {', '.join(others)}")
        return 4
    print("unverifiable: what has no proof may be on chain or not" if unproved else "ok: they are on chain")
    return 5 if unproved else 0


if __name__ == "__main__":
    fit = len(sys.argv) in (2, 3) and Path(sys.argv[1]).is_file()
    fit = fit and re.search(b"stemmata-bundle-|blocks/baf", Path(sys.argv[1]).read_bytes()) is not None
    fit = fit and all(url.startswith(("http://", "https://")) for url in sys.argv[2:])
    sys.exit(main(*sys.argv[1:]) if fit else print(__doc__) or 2)

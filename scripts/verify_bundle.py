"""Verify what a bundle says of a file, with nothing of Stemmata's own: python scripts/verify_bundle.py BUNDLE FILE

A second reading of docs/bundle.md that shares no code with the package, and comes to the same verdict. It checks
blocks, digests, signatures and records, and has verify_proofs.py check what is proved of the chain. What else the chain
says it takes from the bundle's claims; and it cannot hear: unless FILE is what was minted, that is the auditor's word.
Needs eth-account, jsonschema, trie. Exit code 0: verified. 2: usage. 3: unknown. 4: invalid. 5: could not be checked.
"""

import base64
import io
import json
import re
import runpy
import sys
import zipfile
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import jsonschema
from eth_account import Account
from eth_account.messages import encode_defunct

RECORD, BUNDLE = "application/vnd.in-toto+json", "application/vnd.stemmata.bundle+json"
HEARD = {"anchor", "chain", "co-signature", "fingerprint", "iscc", "manifest", "manifest place", "watermark"}
HEARD |= {"foreign mark", "reorganisation"}  # checks that need more than a bundle and this file
SCHEMA, PROOFS = (Path(__file__).with_name(name) for name in ("bundle.schema.json", "verify_proofs.py"))
HALF = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0  # of secp256k1's order: EIP-2
MOST_BYTES, MOST_READ, MOST_NODES = 128 << 20, 64 << 20, 1 << 16  # of a bundle; of one file within
EXIT_CODES = {"invalid": 4, "unverifiable": 5, "verified": 0, "unknown": 3}  # worst first
UNCHECKED = (FileNotFoundError, NotImplementedError)  # could not be checked; any other error: checked, and wrong


def require(holds, what: str) -> None:
    if not holds:
        raise ValueError(what)


def canonical(value) -> bytes:
    """RFC 8785, of integers and texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def cid_of(codec: int, digest: bytes) -> str:
    return "b" + base64.b32encode(bytes((1, codec, 0x12, 0x20)) + digest).decode().lower().rstrip("=")


def signer(envelope: dict, addresses: list[str], kind: str) -> tuple[bytes, str]:
    """The payload of a DSSE envelope, and which of them signed it (EIP-191 over its PAE)."""
    parts = [envelope["payload"], *(one["sig"] for one in envelope["signatures"])]
    payload, *sigs = (base64.b64decode(part, validate=True) for part in parts)
    require([base64.b64encode(part).decode() for part in (payload, *sigs)] == parts, "base64 in another spelling")
    require(envelope["payloadType"] == kind, "signed as something else")
    message = encode_defunct(b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload))
    for who, sig in zip((one["keyid"] for one in envelope["signatures"]), sigs, strict=True):
        sound = len(sig) == 65 and int.from_bytes(sig[32:64]) <= HALF and sig[64] in (27, 28)
        if who in addresses and sound and Account.recover_message(message, signature=sig) == who:
            return payload, who
    raise ValueError(f"no good signature by {' or '.join(addresses)}")


def root(leaves: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1."""
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0]).digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + root(leaves[:half]) + root(leaves[half:])).digest()


class Bundle:
    def __init__(self, whole: bytes) -> None:
        with zipfile.ZipFile(io.BytesIO(whole)) as archive:
            entries = archive.infolist()
            require(all(one.compress_type == 0 for one in entries), "a member is compressed")
            require(sum(one.file_size for one in entries) < len(whole), "members overlap")
            members = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(again := io.BytesIO(), "w") as archive:
            for name in sorted(members):
                entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                entry.create_system, entry.external_attr = 3, 0o644 << 16
                archive.writestr(entry, members[name])
        require(again.getvalue() == whole, "not in the one spelling of its members")
        content, signature = members.pop("bundle.json"), members.pop("signature.json", None)
        said = self.said = json.loads(content, parse_float=int, parse_constant=int)
        if re.fullmatch("stemmata-bundle-(?!2$).*", said["format"]):
            raise NotImplementedError(f"the format {said['format']} is not read here")
        jsonschema.validate(said, json.loads(SCHEMA.read_text()))
        require(canonical(said) == content and datetime.fromisoformat(said["made"]), "not in the one spelling")
        require(sorted(members) == [f"blocks/{cid}" for cid in said["blocks"]], "other blocks than it names")
        self.blocks = {cid: members[f"blocks/{cid}"] for cid in said["blocks"]}
        for cid, block in self.blocks.items():
            digest = sha256(block).digest()
            require(cid in (cid_of(0x55, digest), cid_of(0x70, digest)), f"block {cid} is not what it is called")
        if signature is not None:
            auditor = (envelope := json.loads(signature))["signatures"][0]["keyid"]
            signed, _ = signer(envelope, [auditor], BUNDLE)
            named = canonical({"auditor": auditor, "bundle": sha256(content).hexdigest()})
            require(signed == named, "another bundle was signed")
            require(canonical(envelope) == signature, "the signature is in another spelling")

    def file(self, cid: str) -> bytes:
        """A raw block, or what lies below a dag-pb node: no more than any record has, whatever links to what."""
        parts, waiting, seen = [], [cid], 0
        while waiting:
            cid, seen = waiting.pop(), seen + 1
            if cid not in self.blocks:
                held = self.said["held"].get(cid, "not read")
                raise (ValueError if held == "altered" else FileNotFoundError)(f"block {cid} was {held}")
            if cid.startswith("bafkrei"):  # raw
                parts.append(self.blocks[cid])
            else:
                links = re.findall(rb"\x0a\x24\x01([\x55\x70])\x12\x20(.{32})", self.blocks[cid], re.DOTALL)
                waiting += [cid_of(codec[0], digest) for codec, digest in reversed(links)]
            require(seen + len(waiting) <= MOST_NODES, "a file in the bundle has too many parts")
        require(sum(map(len, parts)) <= MOST_READ, "a file in the bundle is larger than any record")
        return b"".join(parts)

    def record(self, claim: dict) -> dict:
        """The record that a claim is about, signed or anchored, and saying what it has to."""
        payload, who = self.file(claim["cid"]), claim["signers"][0]
        if "anchored" not in claim:  # else its creator put it on chain, under a root, by its own digest
            payload, who = signer(json.loads(payload), claim["signers"], RECORD)
        require(sha256(payload).hexdigest() == claim["record"], "the record is not the one on chain")
        require(who not in claim["ended"], f"the key of {who} had ended before")
        said = json.loads(payload)
        record = {**said["predicate"], "subject": {one["name"]: one["digest"]["sha256"] for one in said["subject"]}}
        for path, held in claim["says"].items():
            found = record
            for name in path.split("."):  # a field; of a list, that of each entry
                found = [entry[name] for entry in found] if isinstance(found, list) else found[name]
            require(found == held, f"{path} is {found}, not {held}")
        if claim["kind"] == "track":
            digest = sha256(canonical(record["claim"])).hexdigest()
            mark = sha256(bytes.fromhex(record["claim"]["creator"][2:] + digest)).hexdigest()[:16]
            require((digest, mark) == (claim["claim"], claim["id"]), "the watermark does not follow from the claim")
        if claim["kind"] == "dataset":
            leaves = [bytes.fromhex(one["sha256"] + one["pcm"]) for one in record["recordings"]]
            require(root(leaves).hex() == record["subject"]["recordings"], "the recordings have another root")
        require(claim.get("licensed", True), "there was no license at the time")
        if not claim.get("final", True):
            raise NotImplementedError("too few blocks are on it")
        return record

    def checks(self, audio: str):
        """Every check, as its outcome and what it was about."""
        if self.said["audio"] != audio:
            raise NotImplementedError("the bundle is about another file")
        claims, view, due, uses = self.said["claims"], self.said["view"], [], {}
        exact = {f"track {one['claim']}" for one in claims if one["says"].get("subject.audio") == audio}
        same = exact | {one["subject"] for one in view["findings"] if one["check"] == "samples"}
        for claim in claims:
            kind, says, record, name = claim["kind"], claim["says"], {}, f"{claim['kind']} {claim['id']}"
            try:
                require(name == due.pop(0) if due else kind == "track", "another claim has to come before it")
                record = self.record(claim)
                if kind == "track" and f"track {claim['claim']}" not in same:  # what the auditor held the sound against
                    require(self.file(record["fingerprint"]["cid"])[:8] == b"stemfp\1\1", "the fingerprint is none")
                if kind == "dataset":
                    require(uses.get(claim["id"], 0) in (0, claim["license"]), "its model names another license")
                yield "ok", name
            except UNCHECKED as error:
                yield "unverifiable", f"{name}: {error}"
            except Exception as error:  # whatever somebody put there
                yield "invalid", f"{name}: {error!r}"
            if kind == "track":
                due = [f"model {says['claim.model']}"]
            elif kind == "model":
                uses = {str(use["id"]): use["licenseId"] for use in record.get("datasets", [])}
                due = [f"dataset {one}" for one in says["datasets.id"]]
            elif kind == "dataset" and claim["license"]:
                due.insert(0, f"license {claim['license']} of dataset {claim['id']}")
        yield ("invalid", f"not claimed: {', '.join(due)}") if due else ("ok", "all behind each track is claimed")
        yield from runpy.run_path(str(PROOFS))["checks"](self.said)
        for track in {one["track"] for one in view["evidence"]} - {None}:
            claimed = track in (claim.get("claim") for claim in claims)
            yield "verified" if claimed else "invalid", f"track {track}: it was found"
        for one in view["findings"]:
            if one["check"] in HEARD and not (one["check"] == "fingerprint" and one["subject"] in exact):
                yield one["status"], f"{one['check']}, on the auditor's word: {one['detail']}"


def main(bundle: Path, file: Path) -> int:
    whole = bundle.read_bytes()
    if len(whole) > MOST_BYTES or not re.search(b"stemmata-bundle-|blocks/baf", whole):
        print(f"{bundle} is not a bundle", file=sys.stderr)
        return 2
    try:
        checks = list(Bundle(whole).checks(sha256(file.read_bytes()).hexdigest()))
    except UNCHECKED as error:
        checks = [("unverifiable", f"bundle: {error}")]
    except Exception as error:  # whatever somebody put there
        checks = [("invalid", f"bundle: {error!r}")]
    verdict = next((kind for kind in EXIT_CODES if kind in dict(checks)), "unknown")
    print("\n".join([f"verdict: {verdict}", *(": ".join(check) for check in checks)]))
    return EXIT_CODES[verdict]


if __name__ == "__main__":
    fit = len(sys.argv) == 3 and all(Path(one).is_file() for one in sys.argv[1:])
    sys.exit(main(*map(Path, sys.argv[1:])) if fit else print(__doc__) or 2)

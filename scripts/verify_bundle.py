"""Verify what a bundle says of a file, with nothing of Stemmata's own: python scripts/verify_bundle.py BUNDLE FILE

A second reading of docs/bundle.md that shares no code with the package, and comes to the same verdict. It checks
blocks, digests, signatures and records. What the chain says it takes from the bundle's claims; and it cannot hear:
unless FILE is the very file that was minted, that it sounds like the track is on the auditor's word.
Needs eth-account. Exit code 0: verified. 3: nothing known. 4: invalid. 5: could not be checked.
"""

import base64
import contextlib
import hashlib
import io
import json
import re
import sys
import zipfile
from pathlib import Path

from eth_account import Account
from eth_account.messages import encode_defunct
from eth_keys.exceptions import BadSignature

RECORD, BUNDLE = "application/vnd.in-toto+json", "application/vnd.stemmata.bundle+json"
# Checks of sound, manifest, chain and co-signatures, which need more than a bundle and this file.
HEARD = {"watermark", "manifest", "manifest place", "iscc", "fingerprint", "chain", "co-signature", "reorganisation"}
HEARD |= {"anchor"}
HALF = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0  # of secp256k1's order: EIP-2
MEMBERS = ["bundle.json", "blocks.car", "signature.json"]
FIELDS = {
    **dict.fromkeys(("format", "audio", "made", "blocks"), str),
    **dict.fromkeys(("deployment", "chain", "held", "view"), dict),
    **dict.fromkeys(("claims", "candidates", "forgotten"), list),
    **{"searchedSpeed": bool, "final": int},
}
CIDS = (b"\1\x55\x12\x20", b"\1\x70\x12\x20")  # raw and dag-pb, by SHA-256
CAR_HEADER = b"\xa2eroots\x81\xd8\x2a\x58\x25\0" + CIDS[0] + bytes(32) + b"gversion\1"
MOST_BYTES = 128 << 20  # of a bundle
MOST_READ, MOST_NODES = 64 << 20, 1 << 16  # of one file within
EXIT_CODES = {"verified": 0, "unknown": 3, "invalid": 4, "unverifiable": 5}


class Wrong(Exception):
    """Checked, and wrong."""


class Missing(Exception):
    """Could not be checked."""


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def canonical(value) -> bytes:
    """RFC 8785, of integers and texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def require(holds, what: str) -> None:
    if not holds:
        raise Wrong(what)


def varint(data: bytes, at: int) -> tuple[int, int]:
    size = next(n for n in range(1, 10) if data[at + n - 1] < 128)
    return sum((data[at + n] & 127) << 7 * n for n in range(size)), at + size


def section(data: bytes) -> bytes:
    """A part of a CAR: its length as a varint, and itself."""
    size, prefix = len(data), b""
    while size > 127:
        size, prefix = size >> 7, prefix + bytes([size & 127 | 128])
    return prefix + bytes([size]) + data


def binary(text: str) -> bytes:
    """Base64, of which there is one spelling."""
    data = base64.b64decode(text, validate=True)
    require(base64.b64encode(data).decode() == text, "base64 in another spelling")
    return data


def signer(envelope: dict, addresses: list[str], kind: str) -> str:
    """Which of them signed a DSSE envelope (EIP-191 over its PAE)."""
    payload = binary(envelope["payload"])
    message = encode_defunct(b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload))
    require(envelope["payloadType"] == kind, "signed as something else")
    for one in envelope["signatures"]:
        sig = binary(one["sig"])
        sound = len(sig) == 65 and int.from_bytes(sig[32:64]) <= HALF and sig[64] in (27, 28)
        if not sound or one["keyid"] not in addresses:
            continue
        with contextlib.suppress(BadSignature):
            if Account.recover_message(message, signature=sig) == one["keyid"]:
                return one["keyid"]
    raise Wrong(f"no good signature by {' or '.join(addresses)}")


def root(leaves: list[bytes]) -> str:
    """RFC 9162, section 2.1.1."""
    level = [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]
    while len(level) > 1:
        pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
        level = [hashlib.sha256(b"\1" + b"".join(two)).digest() if len(two) > 1 else two[0] for two in pairs]
    return level[0].hex()


def included(leaf: bytes, said: dict) -> str:
    """The root that a leaf and its proof lead to: RFC 9162, section 2.1.3.2."""
    node, place, last = hashlib.sha256(b"\0" + leaf).digest(), said["index"], said["size"] - 1
    require(0 <= place <= last, "no such leaf")
    for sibling in map(bytes.fromhex, said["path"]):
        require(last > 0, "the proof is too long")
        right = place & 1 or place == last
        node = hashlib.sha256(b"\1" + (sibling + node if right else node + sibling)).digest()
        while right and place and not place & 1:
            place, last = place >> 1, last >> 1
        place, last = place >> 1, last >> 1
    require(last == 0, "the proof is too short")
    return node.hex()


def at_path(value, path: str):
    """A field of a record; of a list, that of each entry."""
    for name in path.split("."):
        value = [entry[name] for entry in value] if isinstance(value, list) else value[name]
    return value


def again(members: dict[str, bytes]) -> bytes:
    """The archive of these members, of which there is one spelling."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, content)
    return out.getvalue()


class Bundle:
    def __init__(self, whole: bytes) -> None:
        require(len(whole) <= MOST_BYTES, "too large")
        with zipfile.ZipFile(io.BytesIO(whole)) as archive:
            require(archive.namelist() in (MEMBERS[:2], MEMBERS), "other members than a bundle has")
            require(all(one.compress_type == 0 for one in archive.infolist()), "a member is compressed")
            members = {name: archive.read(name) for name in archive.namelist()}
        require(again(members) == whole, "the archive holds something beside its members")
        content, car, *signature = members.values()
        self.said, self.blocks = json.loads(content), {}
        require(canonical(self.said) == content and sha(car) == self.said["blocks"], "not a bundle, or altered")
        kinds = {name: type(value) for name, value in self.said.items()}
        require(kinds == FIELDS and self.said["format"] == "stemmata-bundle-1", "of another format")
        for part in signature:
            envelope = json.loads(part)
            payload = binary(envelope["payload"])
            auditor = json.loads(payload)["auditor"]
            signer(envelope, [auditor], BUNDLE)
            require(payload == canonical({"auditor": auditor, "bundle": sha(content)}), "another bundle was signed")
            require(canonical(envelope) == part, "the signature is in another spelling")
        at = sum(varint(car, 0))
        while at < len(car):
            size, at = varint(car, at)
            cid, block = car[at : at + 36], car[at + 36 : at + size]
            require(cid[:4] in CIDS and cid[4:].hex() == sha(block), "a block is not what it is called")
            self.blocks[cid] = block
            at += size
        inside = b"".join(section(cid + block) for cid, block in sorted(self.blocks.items()))
        require(section(CAR_HEADER) + inside == car, "the blocks are not in order, or there are some twice")

    def file(self, cid: bytes) -> bytes:
        """A raw block, or what lies below a dag-pb node: no more than any record has, whatever links to what."""
        parts, waiting, size = [], [cid], 0
        for _ in range(MOST_NODES):
            if not waiting:
                return b"".join(parts)
            at = waiting.pop()
            if at not in self.blocks:
                held = self.said["held"].get("b" + base64.b32encode(at).decode().lower().rstrip("="))
                raise (Wrong if held == "altered" else Missing)(f"a block was {held or 'not read'}")
            if at[1] == 0x55:
                parts.append(self.blocks[at])
                size += len(parts[-1])
            else:
                links = re.findall(rb"\x0a\x24(\x01[\x55\x70]\x12\x20.{32})", self.blocks[at], re.DOTALL)
                waiting += reversed(links)
            require(size <= MOST_READ and len(waiting) <= MOST_NODES, "a file in the bundle is larger than any record")
        raise Wrong("a file in the bundle has too many parts")

    def named(self, text: str) -> bytes:
        return self.file(base64.b32decode(text[1:].upper() + "=" * (-len(text[1:]) % 8)))

    def record(self, claim: dict) -> dict:
        """The record that a claim is about, signed, and saying what it has to."""
        found = self.named(claim["cid"])
        if "anchored" in claim:  # by the digest of the record itself, which its creator put on chain under a root
            said, payload, who = claim["anchored"], found, claim["signers"][0]
            leaf = bytes.fromhex(claim["claim"] + claim["says"]["subject.audio"] + claim["record"])
            require(included(leaf, said) == said["root"] and said["creator"] == who, "it is not under the root")
        else:
            payload, who = binary(json.loads(found)["payload"]), None
        require(sha(payload) == claim["record"], "the record is not the one on chain")
        who = who or signer(json.loads(found), claim["signers"], RECORD)
        require(who not in claim["ended"], f"the key of {who} had ended before")
        statement = json.loads(payload)
        subjects = {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}
        record = {**statement["predicate"], "subject": subjects}
        for path, held in claim["says"].items():
            require(at_path(record, path) == held, f"{path} is {at_path(record, path)}, not {held}")
        if claim["kind"] == "track":
            digest = sha(canonical(record["claim"]))
            mark = sha(bytes.fromhex(record["claim"]["creator"][2:] + digest))[:16]
            require((digest, mark) == (claim["claim"], claim["id"]), "the watermark does not follow from the claim")
        if claim["kind"] == "dataset":
            leaves = [bytes.fromhex(one["sha256"] + one["pcm"]) for one in record["recordings"]]
            require(root(leaves) == subjects["recordings"], "the recordings have another root")
        return record

    def fingerprint(self, record: dict) -> None:
        """Whether what the auditor held the sound against is there and whole."""
        require(self.named(record["fingerprint"]["cid"])[:8] == b"stemfp\1\1", "the fingerprint is none")

    def checks(self, audio: str):
        """Every check, as its outcome and what it was about. ``exact``: tracks of which this is the very file."""
        exact, uses = set(), {}
        same = {one["subject"] for one in self.said["view"]["findings"] if one["check"] == "samples"}
        for claim in self.said["claims"]:
            name, record = f"{claim['kind']} {claim['id']}", {}
            try:
                record = self.record(claim)
                minted = claim["kind"] == "track" and record["subject"]["audio"] == audio
                if minted:
                    exact.add(f"track {claim['claim']}")
                elif claim["kind"] == "track" and f"track {claim['claim']}" not in same:
                    self.fingerprint(record)
                yield "ok", name
            except Missing as error:
                yield "unverifiable", f"{name}: {error}"
            except Exception as error:  # whatever somebody put there
                yield "invalid", f"{name}: {error!r}"
            if "final" in claim:
                yield "ok" if claim["final"] else "unverifiable", f"{name}: blocks on it"
            if claim["kind"] == "model":
                uses = {str(use["id"]): use["licenseId"] for use in record.get("datasets", [])}
            if "licensed" in claim:
                fits = uses.get(claim["id"], 0) in (0, claim.get("license"))
                yield "ok" if claim["licensed"] and fits else "invalid", f"{name}: license at the time"
        claimed = {claim["claim"] for claim in self.said["claims"] if claim["kind"] == "track"}
        for track in {one["track"] for one in self.said["view"]["evidence"] if one["track"]} - claimed:
            yield "invalid", f"track {track}: it was found, and nothing is claimed of it"
        for one in self.said["view"]["findings"]:
            if one["check"] in HEARD and not (one["check"] == "fingerprint" and one["subject"] in exact):
                yield one["status"], f"{one['check']}, on the auditor's word: {one['detail']}"


def main(bundle: Path, file: Path) -> int:
    audio, whole = sha(file.read_bytes()), bundle.read_bytes()
    try:
        opened = Bundle(whole)
        checks = list(opened.checks(audio))
        known = any(one["track"] for one in opened.said["view"]["evidence"])
    except Exception as error:  # whatever somebody put there
        checks, known, opened = [("invalid", f"bundle: {error!r}")], False, None
    if opened is not None and opened.said["audio"] != audio:
        checks, known = [("unverifiable", "the bundle is about another file")], False
    outcomes = {outcome for outcome, _ in checks}
    verdict = next((kind for kind in ("invalid", "unverifiable") if kind in outcomes), None)
    verdict = verdict or ("verified" if known else "unknown")
    print("\n".join([f"verdict: {verdict}", *(": ".join(check) for check in checks)]))
    return EXIT_CODES[verdict]


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])) if len(sys.argv) == 3 else __doc__)

"""Verify what a bundle says of a file, with nothing of Stemmata's own: python scripts/verify_bundle.py BUNDLE FILE

A second reading of docs/bundle.md that shares no code with the package, and comes to the same verdict. It checks
blocks, digests, signatures and records. What the chain says it takes from the bundle's claims; and it cannot hear:
unless FILE is the very file that was minted, that it sounds like the track is on the auditor's word.
Needs eth-account. Exit code 0: verified. 3: nothing known. 4: invalid. 5: could not be checked.
"""

import base64
import hashlib
import io
import json
import re
import sys
import zipfile
from pathlib import Path

from eth_account import Account
from eth_account.messages import encode_defunct

RECORD, BUNDLE = "application/vnd.in-toto+json", "application/vnd.stemmata.bundle+json"
# Checks of sound, manifest, chain and co-signatures, which need more than a bundle and this file.
HEARD = {"watermark", "manifest", "manifest place", "iscc", "fingerprint", "chain", "co-signature", "reorganisation"}
HALF = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0  # of secp256k1's order: EIP-2
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


def signer(envelope: dict, addresses: list[str], kind: str) -> str:
    """Which of them signed a DSSE envelope (EIP-191 over its PAE)."""
    payload = base64.b64decode(envelope["payload"])
    message = encode_defunct(b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload))
    require(envelope["payloadType"] == kind, "signed as something else")
    for one in envelope["signatures"]:
        sig = base64.b64decode(one["sig"])
        sound = one["keyid"] in addresses and len(sig) == 65 and int.from_bytes(sig[32:64]) <= HALF
        if sound and Account.recover_message(message, signature=sig) == one["keyid"]:
            return one["keyid"]
    raise Wrong(f"no good signature by {' or '.join(addresses)}")


def root(leaves: list[bytes]) -> str:
    """RFC 9162, section 2.1.1."""
    level = [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]
    while len(level) > 1:
        pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
        level = [hashlib.sha256(b"\1" + b"".join(two)).digest() if len(two) > 1 else two[0] for two in pairs]
    return level[0].hex()


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
    def __init__(self, path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            require(all(one.compress_type == 0 for one in archive.infolist()), "a member is compressed")
            members = {name: archive.read(name) for name in archive.namelist()}
        require(again(members) == path.read_bytes(), "the archive holds something beside its members")
        content, car, *signature = members.values()
        self.said, self.blocks = json.loads(content), {}
        require(canonical(self.said) == content and sha(car) == self.said["blocks"], "not a bundle, or altered")
        for envelope in map(json.loads, signature):
            payload = base64.b64decode(envelope["payload"])
            auditor = json.loads(payload)["auditor"]
            signer(envelope, [auditor], BUNDLE)
            require(payload == canonical({"auditor": auditor, "bundle": sha(content)}), "another bundle was signed")
        at = sum(varint(car, 0))
        while at < len(car):
            size, at = varint(car, at)
            self.blocks[car[at : at + 36]] = car[at + 36 : at + size]
            require(car[at + 4 : at + 36].hex() == sha(car[at + 36 : at + size]), "a block is not what it is called")
            at += size

    def file(self, cid: bytes) -> bytes:
        """A raw block, or what lies below a dag-pb node."""
        if cid not in self.blocks:
            held = self.said["held"].get("b" + base64.b32encode(cid).decode().lower().rstrip("="))
            raise (Wrong if held == "altered" else Missing)(f"a block was {held or 'not read'}")
        links = re.findall(rb"\x0a\x24(\x01[\x55\x70]\x12\x20.{32})", self.blocks[cid], re.DOTALL)
        return self.blocks[cid] if cid[1] == 0x55 else b"".join(map(self.file, links))

    def named(self, text: str) -> bytes:
        return self.file(base64.b32decode(text[1:].upper() + "=" * (-len(text[1:]) % 8)))

    def record(self, claim: dict) -> dict:
        """The record that a claim is about, signed, and saying what it has to."""
        envelope = json.loads(self.named(claim["cid"]))
        payload = base64.b64decode(envelope["payload"])
        require(sha(payload) == claim["record"], "the record is not the one on chain")
        who = signer(envelope, claim["signers"], RECORD)
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
        """Every check, as its outcome and what it was about. ``exact``: this is the very file that was minted."""
        exact, uses = False, {}
        same = any(one["check"] == "samples" for one in self.said["view"]["findings"])
        for claim in self.said["claims"]:
            name, record = f"{claim['kind']} {claim['id']}", {}
            try:
                record = self.record(claim)
                minted = claim["kind"] == "track" and record["subject"]["audio"] == audio
                exact = exact or minted
                if claim["kind"] == "track" and not minted and not same:
                    self.fingerprint(record)
                yield "ok", name
            except (Wrong, LookupError, TypeError, ValueError) as error:
                yield "invalid", f"{name}: {error!r}"
            except Missing as error:
                yield "unverifiable", f"{name}: {error}"
            if "final" in claim:
                yield "ok" if claim["final"] else "unverifiable", f"{name}: blocks on it"
            if claim["kind"] == "model":
                uses = {str(use["id"]): use["licenseId"] for use in record.get("datasets", [])}
            if "licensed" in claim:
                fits = uses.get(claim["id"], 0) in (0, claim.get("license"))
                yield "ok" if claim["licensed"] and fits else "invalid", f"{name}: license at the time"
        for one in self.said["view"]["findings"]:
            if one["check"] in HEARD and not (exact and one["check"] == "fingerprint"):
                yield one["status"], f"{one['check']}, on the auditor's word: {one['detail']}"


def main(bundle: Path, file: Path) -> int:
    audio = sha(file.read_bytes())
    try:
        opened = Bundle(bundle)
        checks = list(opened.checks(audio))
        known = any(one["track"] for one in opened.said["view"]["evidence"])
    except (Wrong, LookupError, TypeError, ValueError, StopIteration, zipfile.BadZipFile) as error:
        checks, known, opened = [("invalid", f"bundle: {error!r}")], False, None
    if opened is not None and opened.said["audio"] != audio:
        checks, known = [("unverifiable", "the bundle is about another file")], False
    outcomes = {outcome for outcome, _ in checks}
    verdict = next((kind for kind in ("invalid", "unverifiable") if kind in outcomes), None)
    verdict = verdict or ("verified" if known else "unknown")
    print("\n".join([f"verdict: {verdict}", *(": ".join(check) for check in checks)]))
    return EXIT_CODES[verdict]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))

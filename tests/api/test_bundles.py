"""Bundles of real audits: the same findings with nothing else at hand, and nothing of them can be changed unseen."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shell import Shell
from stand_alone import SCRIPT, alone, told_alone
from story import Story, now

from api.workflows import bundling
from api.workflows.audit import Audit
from api.workflows.evidence.hearing import Hearing
from gen.audio import encode, load
from ledger import bundle, canonical, parcel
from ledger.cid import Cid
from ledger.conclusions import Case
from ledger.errors import DigestMismatch, Invalid, Malformed, NotABundle, SignatureInvalid
from ledger.findings import Finding, Status, Verdict

pytestmark = pytest.mark.slow

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module")
def copy(story: Story) -> Path:
    path = story.folder / "copy.mp3"
    encode(path, load(story.track).excerpt(2, 16), 128)
    return path


@pytest.fixture(scope="module")
def written(story: Story, copy: Path) -> tuple[Path, Audit]:
    out = story.folder / "copy.bundle"
    return out, bundling.write(story.home, copy, out, Hearing(), now=now())


@pytest.fixture(scope="module")
def signed(story: Story) -> Path:
    out = story.folder / "track.bundle"
    bundling.write(story.home, story.track, out, Hearing(), now=now(), signer=story.creator)
    return out


def said(outcome: Audit) -> list[Finding]:
    return [finding for finding in outcome.findings if finding.subject != "bundle"]


def test_a_bundle_gives_the_same_findings_and_conclusions(copy: Path, written: tuple[Path, Audit]) -> None:
    path, before = written
    after = bundling.read(path, copy, Hearing())
    assert said(after) == said(before)
    assert (after.verdict, after.evidence, after.conclusions) == (before.verdict, before.evidence, before.conclusions)
    assert after.tracks == before.tracks
    assert after.verdict is Verdict.VERIFIED and {one.case for one in after.conclusions} == {Case.EXCERPT}
    (note,) = (finding for finding in after.findings if finding.check == "bundle")
    assert note.status is Status.NOTE and "signed by nobody" in note.detail


def test_a_bundle_opens_quickly(written: tuple[Path, Audit]) -> None:
    path, _ = written
    bundle.read(path)
    begun = time.process_time()
    bundle.read(path)
    assert time.process_time() - begun < 0.3


def test_a_signed_bundle_names_its_auditor(story: Story, signed: Path) -> None:
    outcome = bundling.read(signed, story.track, Hearing())
    assert outcome.verdict is Verdict.VERIFIED
    (finding,) = (finding for finding in outcome.findings if finding.check == "bundle")
    assert finding.status is Status.OK and f"signed by {story.creator.address}" in finding.detail


def test_a_bundle_of_another_file_says_nothing_of_this_one(copy: Path, signed: Path) -> None:
    outcome = bundling.read(signed, copy, Hearing())
    assert outcome.verdict is Verdict.UNVERIFIABLE
    assert outcome.tracks == ()


def test_what_was_lost_then_is_out_of_reach_still(story: Story, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(story.home.path, tmp_path / "home")
    home = replace(story.home, settings=replace(story.home.settings, home=tmp_path / "home"))
    with home.ledger() as ledger:
        names = [Cid.parse(ledger.contracts.dataset(id).cid).digest.hex() for id in (1, 2)]
    lost, altered = (home.path / "content" / name[:2] / name[2:4] / name for name in names)
    lost.unlink()
    first = bundling.write(home, story.track, tmp_path / "lost.bundle", Hearing(), now=now())
    again = bundling.read(tmp_path / "lost.bundle", story.track, Hearing())
    assert first.verdict is again.verdict is Verdict.UNVERIFIABLE
    altered.chmod(0o600)
    altered.write_bytes(b"altered")
    first = bundling.write(home, story.track, tmp_path / "altered.bundle", Hearing(), now=now())
    again = bundling.read(tmp_path / "altered.bundle", story.track, Hearing())
    assert first.verdict is again.verdict is Verdict.INVALID
    assert alone(tmp_path / "lost.bundle", story.track) == "unverifiable"
    assert alone(tmp_path / "altered.bundle", story.track) == "invalid"
    for outcome in (first, again):
        assert {Case.REPLACED_BLOCK, Case.CONTENT_UNREACHABLE} <= {one.case for one in outcome.conclusions}


def test_a_reader_that_shares_no_code_comes_to_the_same_verdict(
    story: Story, copy: Path, written: tuple[Path, Audit], signed: Path, tmp_path: Path
) -> None:
    pairs, whole = [(signed, story.track), (written[0], copy), (signed, copy)], signed.read_bytes()
    for place in (4, len(whole) // 2, len(whole) - 4):
        damaged = tmp_path / f"damaged-{place}"
        damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        pairs.append((damaged, story.track))
    verdicts = [verdict for verdict, _ in told_alone(pairs)]
    assert len(SCRIPT.read_text().splitlines()) <= 200  # so that it can be read
    assert verdicts == ["verified", "verified", "unverifiable", "invalid", "invalid", "invalid"]
    assert bundling.read(signed, copy, Hearing()).verdict is Verdict.UNVERIFIABLE


def _without(kind: str) -> Change:
    def change(content: dict[str, Any]) -> None:
        claims = content["claims"]
        claims.remove(next(claim for claim in claims if claim["kind"] == kind))

    return change


def _proof(**other: Any) -> Change:
    def change(content: dict[str, Any]) -> None:
        proofs = content["chain"]["proofs"]
        minted = str(content["claims"][0]["block"])
        proofs[minted] = {**proofs[minted], **{name: made(proofs[minted][name]) for name, made in other.items()}}

    return change


def _entry(content: dict[str, Any]) -> None:
    """Of a minting, who owned it a moment before, which nothing else in a bundle repeats."""
    for answer in content["chain"]["logs"].values():
        for entry in answer:
            if entry["block"] == content["claims"][0]["block"]:
                entry["data"] = entry["data"][:-1] + f"{int(entry['data'][-1], 16) ^ 1:x}"


def _hash(content: dict[str, Any]) -> None:
    content["chain"]["blocks"][str(content["claims"][0]["block"])]["hash"] = "0x" + "00" * 32


DEFECTS: dict[str, tuple[Change, str]] = {
    "a changed claim": (
        lambda it: it["claims"][0]["says"].update({"claim.creator": it["deployment"]["keys"]}),
        "creator",
    ),
    "no date": (lambda it: it.update(made="yesterday"), "yesterday"),
    "a day of no calendar": (lambda it: it.update(made="2026-02-30T10:00:00Z"), "day is out of range"),
    "a digest in another spelling": (lambda it: it.update(audio="0x" + it["audio"]), "does not match"),
    "an address in another spelling": (
        lambda it: it["deployment"].update(keys=it["deployment"]["keys"].lower()),
        "a contract has no address",
    ),
    "no model claimed": (_without("model"), "another claim has to come before"),
    "no dataset claimed": (_without("dataset"), "another claim has to come before"),
    "no license claimed": (_without("license"), "another claim has to come before"),
    "less than it has to say": (lambda it: it["claims"][0]["says"].pop("royaltyPpm"), "not valid under any"),
    "not final, and unsaid": (lambda it: it["claims"][0].pop("final"), "not valid under any"),
    "a proof of other bytes": (_proof(nodes=lambda nodes: ["0x00"]), "invalid: proof"),
    "a header of other bytes": (_proof(header=lambda header: header[:-2]), "invalid: proof"),
    "a log entry of other bytes": (_entry, "invalid: proof"),
    "another block": (_hash, "has another header"),
}
"""What somebody did to an unsigned bundle in perfect form, and what the stand-alone reader says of it."""


def test_both_readers_find_what_was_done_to_a_bundle(copy: Path, written: tuple[Path, Audit], tmp_path: Path) -> None:
    altered = {name: repacked(written[0], tmp_path / name, change) for name, (change, _) in DEFECTS.items()}
    told = told_alone([(path, copy) for path in altered.values()])
    for (name, path), (verdict, text) in zip(altered.items(), told, strict=True):
        assert verdict == "invalid", name
        assert DEFECTS[name][1] in text, (name, text)
        assert bundling.read(path, copy, Hearing()).verdict is Verdict.INVALID, name


def test_without_proofs_log_entries_are_what_somebody_says(
    copy: Path, written: tuple[Path, Audit], tmp_path: Path
) -> None:
    proved = bundling.read(written[0], copy, Hearing())
    (finding,) = (one for one in proved.findings if one.check == "chain proof")
    minted = proved.tracks[0].entry.block
    assert finding.status is Status.OK and f"{minted} (0x" in finding.detail

    def change(content: dict[str, Any]) -> None:
        del content["chain"]["proofs"][str(minted)]

    claimed = repacked(written[0], tmp_path / "claimed", change)
    outcome = bundling.read(claimed, copy, Hearing())
    assert outcome.verdict is Verdict.VERIFIED and alone(claimed, copy) == "verified"
    note, _ = (one for one in outcome.findings if one.check == "chain proof")
    assert note.status is Status.NOTE and f"{len(proved.tracks)} of" not in note.detail


def test_an_unsigned_bundle_that_was_signed_says_so(signed: Path, story: Story, tmp_path: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["claims"][0]["says"]["claim.creator"] = content["deployment"]["keys"]

    assert alone(repacked(signed, tmp_path / "changed", change), story.track) == "invalid"


def test_the_mark_of_another_track_in_a_minted_file_counts(signed: Path, story: Story, tmp_path: Path) -> None:
    opened = bundle.read(signed)
    other = {"check": "fingerprint", "status": "invalid", "subject": f"track {'00' * 32}", "detail": "a copied mark"}
    view = {**opened.view, "findings": [*opened.view["findings"], other]}
    bundle.write(tmp_path / "copied", replace(opened, view=view))
    assert alone(tmp_path / "copied", story.track) == "invalid"


@pytest.mark.parametrize("kind", ["signature", "member", "field", "track"])
def test_neither_reader_takes_a_bundle_in_another_spelling(
    signed: Path, story: Story, tmp_path: Path, kind: str
) -> None:
    members = parcel.unpack(signed.read_bytes())
    said, envelope = json.loads(members["bundle.json"]), json.loads(members["signature.json"])
    if kind == "signature":  # v as 0 or 1, which recovers the same address
        sig = base64.b64decode(envelope["signatures"][0]["sig"])
        envelope["signatures"][0]["sig"] = base64.b64encode(sig[:64] + bytes([sig[64] - 27])).decode()
        members["signature.json"] = canonical.encode(envelope)
    elif kind == "member":
        members["more.json"] = b"{}"
    else:
        del members["signature.json"]
        # In the last, nothing is claimed of the track that was found.
        members["bundle.json"] = canonical.encode({**said, **({"more": 1} if kind == "field" else {"claims": []})})
    (tmp_path / "odd").write_bytes(parcel.pack(members))
    assert bundling.read(tmp_path / "odd", story.track, Hearing()).verdict is Verdict.INVALID
    assert alone(tmp_path / "odd", story.track) == "invalid"


def test_the_stand_alone_reader_reads_no_more_of_a_file_than_any_record_has(
    signed: Path, story: Story, tmp_path: Path
) -> None:
    opened, below = bundle.read(signed), Cid.of_raw(bytes(1 << 20))
    blocks = {**opened.blocks, below: bytes(1 << 20)}
    for _ in range(3):  # 8 TB
        node = (b"\x12\x26\x0a\x24" + below.raw) * 200
        below = Cid.of_dag_pb(node)
        blocks[below] = node
    claims = [{**opened.claims[0], "cid": str(below)}]
    bundle.write(tmp_path / "bomb", replace(opened, blocks=blocks, claims=claims))
    assert alone(tmp_path / "bomb", story.track) == "invalid"


# -- tampering


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_byte_is_noticed(signed: Path, tmp_path: Path, data: st.DataObject) -> None:
    whole = signed.read_bytes()
    ends = [info.header_offset for info in zipfile.ZipFile(signed).infolist()]
    place = data.draw(st.one_of(st.integers(0, len(whole) - 1), st.sampled_from(ends).map(lambda at: at + 10)))
    bit = data.draw(st.integers(0, 7))
    damaged = tmp_path / "damaged.bundle"
    damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
    with pytest.raises((Malformed, Invalid)):
        bundle.read(damaged)


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_a_cut_bundle_is_none(signed: Path, tmp_path: Path, cut: int) -> None:
    (tmp_path / "cut").write_bytes(signed.read_bytes()[:cut])
    with pytest.raises(Malformed):
        bundle.read(tmp_path / "cut")
    (tmp_path / "longer").write_bytes(signed.read_bytes() + b"\0")
    with pytest.raises(Malformed):
        bundle.read(tmp_path / "longer")


@pytest.mark.parametrize("kind", ["empty", "words", "archive", "large"])
def test_what_never_was_a_bundle_is_told_from_one_that_was_altered(signed: Path, tmp_path: Path, kind: str) -> None:
    path, whole = tmp_path / "file", signed.read_bytes()
    if kind == "archive":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("bundle.json", "{}")  # other software has files of this name
    elif kind == "large":
        with path.open("wb") as sparse:
            sparse.truncate(bundle.MOST_BYTES + 1)
    else:
        path.write_bytes(b"" if kind == "empty" else b"Dear all, " * 9)
    with pytest.raises(NotABundle, match="is not a bundle"):
        bundle.read(path)
    for altered in (whole[len(whole) // 2 :], whole[: len(whole) // 2], bytes(500) + whole[500:]):
        path.write_bytes(altered)
        with pytest.raises(Malformed, match="not a whole bundle") as error:
            bundle.read(path)
        assert not isinstance(error.value, NotABundle)


def test_what_is_no_bundle_is_no_verdict_of_the_stand_alone_reader(copy: Path, tmp_path: Path) -> None:
    for script, *rest in ((SCRIPT, copy), (SCRIPT.with_name("verify_proofs.py"),)):
        for path in (copy, tmp_path / "nowhere"):
            command = [sys.executable, str(script), str(path), *map(str, rest)]
            done = subprocess.run(command, capture_output=True, check=False, text=True)
            assert "Traceback" not in done.stderr
            assert done.returncode == 2


def test_a_bundle_of_a_later_format_could_not_be_checked(signed: Path, story: Story, tmp_path: Path) -> None:
    later = repacked(signed, tmp_path / "later", lambda content: content.update(format="stemmata-bundle-9"))
    outcome = bundling.read(later, story.track, Hearing())
    assert outcome.verdict == alone(later, story.track) == "unverifiable"
    assert any("stemmata-bundle-9" in finding.detail for finding in outcome.findings)


def repacked(source: Path, target: Path, change: Change) -> Path:
    """A bundle in perfect form, whose content somebody changed."""
    members = parcel.unpack(source.read_bytes())
    content = json.loads(members["bundle.json"])
    change(content)
    members["bundle.json"] = canonical.encode(content)
    target.write_bytes(parcel.pack(members))
    return target


def _later(content: dict[str, Any]) -> None:
    content["made"] = "2026-11-23T10:00:01Z"


def test_content_that_was_changed_under_a_signature_is_noticed(signed: Path, tmp_path: Path) -> None:
    with pytest.raises(SignatureInvalid, match="another bundle"):
        bundle.read(repacked(signed, tmp_path / "changed", _later))


@pytest.mark.parametrize("kind", ["calls", "logs"])
def test_an_answer_of_the_chain_that_was_changed_does_not_verify(
    copy: Path, written: tuple[Path, Audit], tmp_path: Path, kind: str
) -> None:
    """Unsigned, what the chain says is a claim; but it has to fit what others signed. One bit of each entry's data."""

    def change(content: dict[str, Any]) -> None:
        for entries in content["chain"]["logs"].values():
            for entry in entries:
                entry["data"] = _flipped(entry["data"])
        if kind == "calls":
            content["chain"]["calls"] = {asked: _flipped(answer) for asked, answer in content["chain"]["calls"].items()}

    outcome = bundling.read(repacked(written[0], tmp_path / "changed", change), copy, Hearing())
    assert outcome.verdict in (Verdict.INVALID, Verdict.UNVERIFIABLE)


def _flipped(text: str) -> str:
    """Another digest in place of the first word's: its last digit is changed."""
    return text if len(text) < 66 else text[:65] + f"{int(text[65], 16) ^ 1:x}" + text[66:]


def test_what_the_chain_was_not_asked_is_no_answer(copy: Path, written: tuple[Path, Audit], tmp_path: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["chain"]["calls"] = {}

    outcome = bundling.read(repacked(written[0], tmp_path / "emptied", change), copy, Hearing())
    assert outcome.verdict is Verdict.UNVERIFIABLE
    assert Case.CHAIN_UNREACHABLE in {one.case for one in outcome.conclusions}


def test_a_block_that_was_exchanged_is_noticed(written: tuple[Path, Audit], tmp_path: Path) -> None:
    opened = bundle.read(written[0])
    cid = next(iter(opened.blocks))
    bundle.write(tmp_path / "forged", replace(opened, blocks={**opened.blocks, cid: b"forged"}))
    with pytest.raises(DigestMismatch):
        bundle.read(tmp_path / "forged")


def test_a_compressed_member_is_refused_unread(written: tuple[Path, Audit], tmp_path: Path) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("blocks/bafkrei", b"")
        archive.writestr("bundle.json", bytes(50 << 20))
    (tmp_path / "bomb").write_bytes(bomb.getvalue())
    with pytest.raises(Malformed, match="compressed"):
        bundle.read(tmp_path / "bomb")


# -- the command


def test_the_command_writes_a_bundle_and_audits_from_it_without_a_home(
    story: Story, shell: Shell, copy: Path, tmp_path: Path
) -> None:
    out = tmp_path / "audit.bundle"
    written = shell.json("audit", str(copy), "--bundle", str(out), "--key", "carl")
    nowhere = Shell(tmp_path / "nowhere", {"STEMMATA_RPC": "http://127.0.0.1:9"})
    again = nowhere.json("audit", "--bundle", str(out), str(copy))
    assert again["verdict"] == written["verdict"] == "verified"
    assert again["conclusions"] == written["conclusions"] and again["evidence"] == written["evidence"]
    assert not (tmp_path / "nowhere").exists()
    assert "leave --bundle out" in nowhere.refusal("audit", str(copy), "--bundle", str(out), "--replay", code=2)
    missing = shell.refusal("audit", str(copy), "--bundle", str(tmp_path / "no" / "audit.bundle"), code=2)
    assert "does not exist" in missing
    assert "--key goes with" in shell.refusal("audit", str(copy), "--key", "carl", code=2)
    out.write_bytes(out.read_bytes()[:-1])
    assert nowhere.run("audit", "--bundle", str(out), str(copy)).code == 4
    refusal = nowhere.refusal("audit", "--bundle", str(copy), str(copy), code=2)
    assert f"{copy} is not a bundle" in refusal and "name one that an audit wrote" in refusal


def test_the_command_trusts_roots_and_listens_with_private_keys(
    shell: Shell, copy: Path, story: Story, tmp_path: Path
) -> None:
    key = tmp_path / "own.key"
    shell.json("watermark", "key", str(key))
    found = shell.json("audit", str(copy), "--mark-key", str(key))
    assert any("private key own.key" in one["detail"] for one in found["findings"])
    (tmp_path / "root.pem").write_text("no certificate")
    assert "--trust" in shell.refusal("audit", str(copy), "--trust", str(tmp_path / "root.pem"), code=2)

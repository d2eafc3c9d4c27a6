"""Tracks that were anchored and not minted: found by every witness, proved from their leaves, told from minted ones."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from chords import chords
from fastapi.testclient import TestClient
from shell import Shell
from stand_alone import alone
from story import Story, new_key, now

from api.home import Home
from api.http.app import create_app
from api.report import as_json
from api.reports.terminal import as_text
from api.service.service import Service
from api.service.settings import ServiceSettings
from api.workflows import anchoring, bundling, generation, licenses, minting
from api.workflows.audit import Audit, audit
from api.workflows.bindings import Manifests
from api.workflows.catalogue import Catalogue
from api.workflows.evidence.hearing import Hearing
from gen.audio import encode, load, save
from gen.config import RATE
from gen.decode import decode
from gen.generate import GenerationRequest, Generator
from ledger import bundle, credentials
from ledger.anchor import LEAF_BYTES, Anchor, Leaf, leaves_cid
from ledger.anchored import Anchored, deposit
from ledger.archive import publish
from ledger.cid import Cid
from ledger.conclusions import Case
from ledger.contracts.tracks import TrackVerbs
from ledger.digest import Digest
from ledger.errors import AlreadyRegistered, NotFound, StoreFault
from ledger.findings import Status, Verdict
from ledger.index import Index, Place

pytestmark = pytest.mark.slow

SECONDS = 12
SEEDS = (21, 22, 23)


@pytest.fixture(scope="module")
def files(story: Story) -> list[Path]:
    """Three tracks, anchored in one batch."""
    made = [story.folder / f"anchored {seed}.wav" for seed in SEEDS]
    for seed, out in zip(SEEDS, made, strict=True):
        generation.generate(
            story.home, story.model, seconds=SECONDS, seed=seed, creator=story.creator.address, out=out, now=now
        )
    anchor(story, made)
    return made


@pytest.fixture
def copied(story: Story, files: list[Path], tmp_path: Path) -> Iterator[Home]:
    """The home again, without its index, to be damaged."""
    shutil.copytree(story.home.path, tmp_path / "home", ignore=shutil.ignore_patterns("index"))
    yield replace(story.home, settings=replace(story.home.settings, home=tmp_path / "home"))


def anchor(story: Story, files: list[Path], home: Home | None = None) -> anchoring.Batch:
    return anchoring.anchor(
        home or story.home,
        files,
        signer=story.creator,
        royalty_ppm=100_000,
        marking=minting.Marking(),
        now=lambda: datetime.now(UTC),
    )


def leaves(home: Home) -> Path:
    """The block of the leaves of the newest batch."""
    with home.ledger() as ledger:
        creator = ledger.contracts.model(1).trainer
        return ledger.store.path(leaves_cid(ledger.contracts.anchors_of(creator)[-1]).digest)


def cases(outcome: Audit) -> set[Case]:
    return {one.case for one in outcome.conclusions}


def said(outcome: Audit, check: str, subject: str = "track") -> list[tuple[Status, str]]:
    return [(f.status, f.detail) for f in outcome.findings if f.check == check and f.subject.startswith(subject)]


def unmarked(story: Story, seed: int, out: Path) -> Path:
    weights = next(story.home.path.glob("models/*.safetensors"))
    save(out, Generator.load(weights).render(GenerationRequest(SECONDS * RATE, seed)).waveform)
    return out


def test_the_very_file_is_found_and_proved(story: Story, files: list[Path]) -> None:
    outcome = audit(story.home, files[1])
    assert outcome.verdict is Verdict.VERIFIED, [f for f in outcome.findings if f.status is Status.INVALID]
    assert cases(outcome) == {Case.ORIGINAL, Case.ANCHORED}
    (node,) = outcome.tracks
    assert node.record is not None and node.record.audio == Digest.of_file(files[1])
    batch = node.entry.anchored
    assert batch is not None and batch.proof.size == 3 and node.entry.owner == story.creator.address
    ((_, where),) = said(outcome, "anchor")
    assert where == f"leaf {batch.proof.index} of 3 in batch {batch.root}, anchored in block {node.entry.block}"
    assert said(outcome, "minting") == [
        (Status.NOTE, f"anchored in block {node.entry.block} under root {batch.root}, not minted")
    ]
    ((status, depth),) = said(outcome, "confirmations")
    assert status is Status.OK and depth.startswith(f"anchored in block {node.entry.block} (0x")
    layers = {one.layer: one.track for one in outcome.evidence}
    assert layers == dict.fromkeys(("digest", "manifest", "watermark"), str(node.entry.claim))
    assert as_json(outcome, "a")["tracks"][0]["anchored"] == {
        "root": str(batch.root), "index": batch.proof.index, "size": 3
    }  # fmt: skip
    assert f"anchored by {story.creator.address} in block {node.entry.block}, not minted" in as_text(outcome, "a")


@pytest.mark.parametrize("few", [200, 0], ids=["all compared", "by the index"])
def test_a_copy_is_found_by_its_mark_and_by_its_sound(
    story: Story, files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr("api.workflows.catalogue.FEW", few)
    copy = tmp_path / "copy.mp3"
    encode(copy, load(files[0]), 128)
    outcome = audit(story.home, copy)
    assert (outcome.verdict, cases(outcome)) == (Verdict.VERIFIED, {Case.REENCODED, Case.ANCHORED})
    outcome = audit(story.home, unmarked(story, SEEDS[2], tmp_path / "unmarked.wav"))
    assert (outcome.verdict, cases(outcome)) == (Verdict.VERIFIED, {Case.MARK_GONE, Case.ANCHORED})
    assert outcome.tracks[0].entry.audio == Digest.of_file(files[2])


def test_what_a_stranger_anchors_takes_no_copy_of_a_track_along(
    story: Story, copied: Home, files: list[Path], tmp_path: Path
) -> None:
    """The very record, a record of his own that names its fingerprint, and its record under a license."""
    (node,) = audit(copied, files[0]).tracks
    assert node.record is not None and node.entry.anchored is not None
    stranger, licensee = new_key(copied, "dora"), new_key(copied, "emil")
    licenses.grant(
        copied, "model", 1, licensee=licensee.address, uses=["generate"], until=None, signer=story.creator, now=now
    )
    claim = replace(node.record.claim, creator=stranger.address)
    own = replace(node.record, claim=claim, watermark=claim.watermark.hex())
    with copied.ledger() as ledger:
        deposit(ledger.store, own)
        batch = Anchor([Leaf(own.claim.digest, own.audio, own.digest)])
        ledger.store.add_bytes(batch.file())
        theirs = ledger.contracts.anchor(story.creator.address, node.entry.anchored.root)
        for signer in (stranger, licensee):
            copied.fund(ledger, signer)
            ledger.contracts.anchor_tracks(signer, theirs.root, theirs.size, 1, theirs.royalty_ppm, theirs.content)
        content = Digest(batch.content.digest)
        ledger.contracts.anchor_tracks(stranger, batch.root, 1, 1, own.royalty_ppm, content)
    outcome = audit(copied, unmarked(story, SEEDS[0], tmp_path / "unmarked.wav"))
    assert outcome.verdict is Verdict.VERIFIED and [one.entry for one in outcome.tracks] == [node.entry]
    assert any(detail.startswith("3 of") for _, detail in said(outcome, "fingerprint", "audio"))


def test_a_leaf_that_is_no_track_or_another_hides_none_that_is(
    copied: Home, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with copied.ledger() as ledger, Catalogue(copied, ledger) as catalogue:
        audio = Digest.of_file(files[1])
        entry = catalogue.anchored_audio(audio)
        assert entry is not None and entry.anchored is not None
        here = Place(entry.creator, entry.anchored.root, entry.anchored.proof.index)
        nowhere, other = replace(here, root=audio), replace(here, index=(entry.anchored.proof.index + 1) % 3)
        for question, asked in (("anchored_audio", audio), ("anchored_watermark", entry.id)):
            for named, found in (((nowhere, other, here), entry), ((nowhere, other), None)):
                monkeypatch.setattr(Index, question, lambda self, _, named=named: named)
                assert getattr(catalogue, question)(asked) == found


def test_a_file_that_another_mints_as_his_own_is_told_of_beside_its_anchoring(
    story: Story, copied: Home, files: list[Path], tmp_path: Path
) -> None:
    (node,) = audit(copied, files[2]).tracks
    assert node.record is not None and node.entry.anchored is not None
    thief = new_key(copied, "emil")
    licenses.grant(
        copied, "model", 1, licensee=thief.address, uses=["generate"], until=None, signer=story.creator, now=now
    )
    claim = replace(node.record.claim, creator=thief.address)
    own = replace(node.record, claim=claim, watermark=claim.watermark.hex())
    with copied.ledger() as ledger:
        copied.fund(ledger, thief)
        cid = str(publish(ledger.store, own, thief))
        minted = ledger.contracts.mint_track(thief, claim.digest, own.audio, own.digest, cid, 1, own.royalty_ppm)
    outcome = bundling.write(copied, files[2], tmp_path / "stolen.bundle", Hearing(), now=now())
    ((status, detail),) = said(outcome, "anchor", f"track {claim.digest}")
    assert outcome.tracks[0].entry == minted and status is Status.WARNING
    assert detail == (
        f"{story.creator.address} had anchored this very file before, in block {node.entry.block} under root "
        f"{node.entry.anchored.root}; {thief.address} minted it in block {minted.block}"
    )
    again = bundling.read(tmp_path / "stolen.bundle", files[2], Hearing())
    assert said(again, "anchor", f"track {claim.digest}") == [(status, detail)]


def test_leaves_that_nobody_has_leave_a_marked_copy_open_and_say_nothing_of_other_audio(
    story: Story, copied: Home, files: list[Path], tmp_path: Path
) -> None:
    leaves(copied).unlink()
    outcome = audit(copied, files[0])
    assert (outcome.verdict, cases(outcome)) == (Verdict.UNVERIFIABLE, {Case.CONTENT_UNREACHABLE, Case.FOREIGN_MARK})
    ((status, detail),) = said(outcome, "anchor", "audio")
    assert status is Status.UNVERIFIABLE and "out of reach" in detail
    assert "This home generated the file and has not minted it" in Shell(copied.path).run("audit", str(files[0])).out
    save(tmp_path / "other.wav", chords(12.0, 98))
    outcome = audit(copied, tmp_path / "other.wav")
    assert (outcome.verdict, [status for status, _ in said(outcome, "anchor", "audio")]) == (
        Verdict.UNKNOWN, [Status.NOTE]
    )  # fmt: skip


def test_an_index_that_cannot_be_used_leaves_a_marked_copy_open_and_makes_no_bundle(
    copied: Home, files: list[Path], tmp_path: Path
) -> None:
    (copied.folder("index") / "tracks.sqlite").mkdir()  # no database can be opened there
    outcome = audit(copied, files[0])
    assert (outcome.verdict, cases(outcome)) == (Verdict.UNVERIFIABLE, {Case.CONTENT_UNREACHABLE, Case.FOREIGN_MARK})
    ((status, detail),) = said(outcome, "anchor", "audio")
    assert status is Status.UNVERIFIABLE and "the index" in detail
    with pytest.raises(StoreFault, match="the index"):
        bundling.write(copied, files[0], tmp_path / "none.bundle", Hearing(), now=now())
    assert not (tmp_path / "none.bundle").exists()
    save(tmp_path / "other.wav", chords(12.0, 98))
    outcome = audit(copied, tmp_path / "other.wav")
    assert (outcome.verdict, [status for status, _ in said(outcome, "anchor", "audio")]) == (
        Verdict.UNKNOWN, [Status.NOTE]
    )  # fmt: skip


def test_leaves_that_were_altered_before_or_after_they_were_read(
    copied: Home, files: list[Path], tmp_path: Path
) -> None:
    block = leaves(copied)
    whole = block.read_bytes()
    block.chmod(0o600)
    block.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    assert audit(copied, files[0]).verdict is Verdict.UNVERIFIABLE
    block.write_bytes(whole)
    assert audit(copied, files[0]).verdict is Verdict.VERIFIED
    block.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    out = tmp_path / "altered.bundle"
    outcome = bundling.write(copied, files[0], out, Hearing(), now=now())
    assert (outcome.verdict, Case.REPLACED_BLOCK in cases(outcome)) == (Verdict.INVALID, True)
    assert bundling.read(out, files[0], Hearing()).verdict == alone(out, files[0]) == Verdict.INVALID
    block.unlink()
    outcome = audit(copied, files[0])
    assert (outcome.verdict, Case.CONTENT_UNREACHABLE in cases(outcome)) == (Verdict.UNVERIFIABLE, True)


def test_a_record_that_is_gone_is_out_of_reach(copied: Home, files: list[Path]) -> None:
    (node,) = audit(copied, files[0]).tracks
    copied.store().path(Cid.parse(node.entry.cid).digest).unlink()
    outcome = audit(copied, files[0])
    assert (outcome.verdict, Case.CONTENT_UNREACHABLE in cases(outcome)) == (Verdict.UNVERIFIABLE, True)


def test_a_bundle_proves_it_with_no_leaf_but_its_own(story: Story, files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "anchored.bundle"
    first = bundling.write(story.home, files[1], out, Hearing(), now=now())
    again = bundling.read(out, files[1], Hearing())
    assert first.verdict is again.verdict is Verdict.VERIFIED
    assert [f for f in again.findings if f.subject != "bundle"] == list(first.findings)
    assert (again.tracks, again.conclusions) == (first.tracks, first.conclusions)
    assert alone(out, files[1]) == "verified"
    batch = first.tracks[0].entry.anchored
    assert batch is not None and bundle.read(out).candidates == (batch,)
    whole = bundle.read(out)
    assert whole.claims[0]["anchored"] == batch.to_json()
    assert all(batch.proof.path[0].raw not in block for block in whole.blocks.values())


def test_a_bundle_with_another_proof_proves_nothing(story: Story, files: list[Path], tmp_path: Path) -> None:
    out, forged = tmp_path / "anchored.bundle", tmp_path / "forged.bundle"
    bundling.write(story.home, files[1], out, Hearing(), now=now())
    whole = bundle.read(out)
    (batch,) = whole.candidates
    assert isinstance(batch, Anchored)
    path = (Digest.of(b"another"), *batch.proof.path[1:])
    other = replace(batch, proof=replace(batch.proof, path=path))
    claims = [{**one, "anchored": other.to_json()} if "anchored" in one else one for one in whole.claims]
    bundle.write(forged, replace(whole, candidates=(other,), claims=claims))
    assert bundling.read(forged, files[1], Hearing()).verdict is Verdict.INVALID
    assert alone(forged, files[1]) == "invalid"
    claims = [{**one, "signers": [str(whole.deployment.keys)]} if "anchored" in one else one for one in whole.claims]
    bundle.write(forged, replace(whole, claims=claims))
    assert bundling.read(forged, files[1], Hearing()).verdict is Verdict.INVALID
    assert alone(forged, files[1]) == "invalid"


def test_what_is_minted_later_is_minted_and_was_anchored_before(copied: Home, story: Story, files: list[Path]) -> None:
    minted = minting.mint(copied, files[0], signer=story.creator)
    outcome = audit(copied, files[0])
    assert (outcome.verdict, cases(outcome)) == (Verdict.VERIFIED, {Case.ORIGINAL})
    assert outcome.tracks[0].entry == minted.entry and said(outcome, "minting") == []
    ((status, detail),) = said(outcome, "anchor")
    assert status is Status.OK and detail.startswith("leaf ")
    with pytest.raises(AlreadyRegistered, match="leave it out"):
        anchor(story, files, copied)


def test_the_same_files_are_one_batch(story: Story, files: list[Path], shell: Shell) -> None:
    assert anchor(story, files[::-1]).already
    done = shell.json("anchor", *map(str, files), "--key", "carl")
    assert len(story.home.store().read_bytes(Cid.parse(done["leaves"]))) == 3 * LEAF_BYTES
    assert done["already"] and done["size"] == 3 and [one["file"] for one in done["tracks"]] == list(map(str, files))
    for one, path in zip(done["tracks"], files, strict=True):
        assert (one["sha256"], one["page"]) == (str(Digest.of_file(path)), None)  # as it is now
    sited = Shell(shell.home, {"STEMMATA_SITE": "https://music.example"})
    told = sited.run("anchor", *map(str, files), "--key", "carl").out
    for one in done["tracks"]:
        assert one["sha256"] in told and f"https://music.example/anchored/{one['watermark']}\n" in told
    assert shell.run("audit", str(files[0])).code == 0


def test_its_manifest_is_found_by_binding_and_through_the_index_by_content(
    story: Story, files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.workflows.catalogue.FEW", 0)
    monkeypatch.setattr(TrackVerbs, "tracks", lambda self: pytest.fail("all tracks were compared"))
    credential = credentials.read(files[0])
    assert credential is not None and credential.origin is not None
    manifests = Manifests(story.home)
    mark = bytes.fromhex(credential.origin.token)
    assert [match.manifest for match in manifests.by_binding(credentials.WATERMARK, mark, 9)] == [credential.id]
    copy = unmarked(story, SEEDS[0], tmp_path / "unmarked.wav")
    (match,) = manifests.by_content(copy, decode, None, 9)
    assert match.manifest == credential.id and (match.score or 0) > 80
    monkeypatch.undo()
    manifests = Manifests(story.home)
    assert manifests.manifest(credential.id) == credentials.extract(files[0])
    # What was proved once is not proved again for a name that nothing has.
    monkeypatch.setattr("api.workflows.catalogue.prove", lambda *_: pytest.fail("proved again"))
    with pytest.raises(NotFound):
        manifests.manifest("urn:c2pa:nothing")


def test_content_that_is_anchored_is_not_garbage(copied: Home, files: list[Path]) -> None:
    from api.workflows.content_upkeep import collect

    collect(copied, hours=0, forsaken=["all"], dry_run=False)
    assert audit(copied, files[2]).verdict is Verdict.VERIFIED


# -- over HTTP


def client_of(home: Home, folder: Path) -> TestClient:
    service = Service.open(home, ServiceSettings(database=f"sqlite:///{folder / 'service.sqlite'}", rate=10_000))
    return TestClient(create_app(service), base_url=service.settings.site, follow_redirects=False)


def test_it_has_an_address_with_its_proof_and_its_sound(story: Story, files: list[Path], tmp_path: Path) -> None:
    client, audio = client_of(story.home, tmp_path), Digest.of_file(files[1])
    found = client.get("/find", params={"what": str(audio)}).headers["location"]
    assert re.fullmatch("/anchored/[0-9a-f]{16}", found)
    assert client.get("/find", params={"what": found.rpartition("/")[2]}).headers["location"] == found
    said = client.get(f"/v1{found}").json()
    node = hashlib.sha256(
        b"\0" + b"".join(bytes.fromhex(said[name]) for name in ("claim", "sha256", "record"))
    ).digest()
    place, last = said["index"], said["size"] - 1
    for sibling in map(bytes.fromhex, said["path"]):  # RFC 9162, section 2.1.3.2
        if place % 2 or place == last:
            node = hashlib.sha256(b"\1" + sibling + node).digest()
            while place and not place % 2:
                place, last = place // 2, last // 2
        else:
            node = hashlib.sha256(b"\1" + node + sibling).digest()
        place, last = place // 2, last // 2
    with story.home.ledger() as ledger:
        (batch,) = [one for one in ledger.contracts.anchors_of(story.creator.address) if one.root.raw == node]
    assert (said["sha256"], said["root"], said["block"]) == (str(audio), str(batch.root), batch.block)
    mark = found.rpartition("/")[2]
    letters = re.search("[a-f]", mark) is not None  # else it is read as a token, and no watermark
    ways = [str(int(mark, 16)), f"by-mark/{mark}"] + [mark] * letters
    for way in ways:  # what has no token yet is led to where it is
        moved = client.get(f"/tracks/{way}", headers={"accept": "text/html"}, follow_redirects=True)
        assert (moved.url.path, moved.status_code) == (found, 200), way
        assert {one.status_code for one in moved.history} <= {303, 308}
    for path, other in ((f"sha256/{audio}", "/v1/anchored, by"), (f"watermark/{mark}", f"/v1/anchored/{mark}")):
        unminted = client.get(f"/v1/lookup/{path}")
        assert (unminted.status_code, other in unminted.json()["detail"]) == (404, True), path
    for language, kind, place_of_leaf in (
        ("en", "Anchored track", f"leaf {said['index']} of 3, counted from 0"),
        ("es", "Pista anclada", f"hoja {said['index']} de 3, contadas desde 0"),
    ):
        shown = client.get(f"{found}?lang={language}", headers={"accept": "text/html"}).text
        for words in (kind, place_of_leaf, said["root"], said["creator"], *said["path"]):
            assert words in shown, words
        assert 'class="verdict ok"' in shown and "/tracks/" not in shown  # where there would be nothing
    assert client.get(f"{found}/audio").content == files[1].read_bytes()
    assert hashlib.sha256(client.get(f"{found}/record.json").content).hexdigest() == said["record"]
    assert client.get(f"{found}/cover.png").content.startswith(b"\x89PNG")
    assert client.get(f"{found}/outline.json").json()["seconds"] == pytest.approx(SECONDS, abs=0.1)


def test_what_is_minted_or_nowhere_has_no_address_of_that_kind(
    story: Story, copied: Home, files: list[Path], tmp_path: Path
) -> None:
    with copied.ledger() as ledger:
        minted = ledger.contracts.tracks()[0].id
    client = client_of(copied, tmp_path)
    assert client.get(f"/anchored/{minted:016x}").headers["location"] == f"/tracks/{minted}"
    assert f"/v1/tracks/{minted}" in client.get(f"/v1/anchored/{minted:016x}").json()["detail"]
    mark = client.get("/find", params={"what": str(Digest.of_file(files[1]))}).headers["location"].rpartition("/")[2]
    path = leaves(copied)
    path.rename(path.with_suffix(".away"))
    for address in (f"/v1/anchored/{mark}", f"/find?what={mark}"):  # the leaves were read once for all who ask
        assert client.get(address).status_code in (200, 303), address
    shutil.rmtree(copied.path / "index")
    client = client_of(copied, tmp_path)
    for address in (f"/anchored/{mark}", f"/v1/anchored/{mark}", f"/find?what={mark}"):
        nowhere = client.get(address, headers={"accept": "application/json"})
        assert nowhere.status_code == 404, address
        assert "it may be in 1 batch with leaves that are not in this service's store" in nowhere.json()["detail"]

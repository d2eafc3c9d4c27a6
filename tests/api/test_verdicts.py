"""The table of conclusions, row by row, on real assets: each is named by what was done to it."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from chords import chords
from story import Story

from api.home import Home
from api.settings import Settings
from api.workflows.audit import Audit, audit
from api.workflows.evidence.hearing import Hearing
from gen.audio import encode, load, save
from gen.config import RATE
from gen.generate import GenerationRequest, Generator
from gen.watermark.attacks import faster, stretched
from gen.watermark.mark import Watermark
from gen.watermark.payload import PUBLIC_KEY
from gen.waveform import Waveform
from ledger.certificate import Chain
from ledger.cid import Cid
from ledger.conclusions import Case
from ledger.credentials import extract
from ledger.digest import Digest
from ledger.findings import Status, Verdict
from ledger.manifest import Pen, Statement, sign
from ledger.origin import Origin

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def assets(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes an asset by its defect; each once."""
    folder = tmp_path_factory.mktemp("assets")
    return lambda name: made(story, folder, name)


@pytest.fixture(scope="module")
def heard(story: Story) -> Callable[[Path, bool], Audit]:
    """Audits of assets, with a search for speed or without; each once."""
    return functools.cache(lambda path, fast: audit(story.home, path, hearing=Hearing(search_speed=fast)))


def made(story: Story, folder: Path, name: str) -> Path:
    path = folder / name
    if path.exists():
        return path
    wave = load(story.track)
    other = chords(20.0, 98)
    match path.stem:
        case "intact original":
            shutil.copyfile(story.track, path)
        case "same samples" | "re-encoded":
            encode(path, wave)
        case "excerpt":
            encode(path, wave.excerpt(4, 14))
        case "sped up":
            save(path, faster(wave, 1.04))
        case "stretched":
            save(path, stretched(wave, tempo=1.06))
        case "pitched":
            save(path, stretched(wave, pitch=1.08))
        case "a little higher":
            save(path, stretched(wave, pitch=1.02))
        case "mixed":
            piece = wave.excerpt(2, 14).samples
            save(
                path,
                Waveform(np.concatenate([other.samples[: len(piece)], piece, other.samples[: len(piece)]], 1), RATE),
            )
        case "stripped of its mark":
            weights = next(story.home.path.glob("models/*.safetensors"))
            save(path, Generator.load(weights).render(GenerationRequest(20 * RATE, 5)).waveform)
        case "copied mark":
            marked = Watermark(PUBLIC_KEY).detect(wave)[0].id
            save(path, Watermark(PUBLIC_KEY).embed(other, marked))
        case "marked elsewhere":
            save(path, Watermark(PUBLIC_KEY).embed(other, bytes(range(8))))
        case "unknown":
            save(path, other)
    return path


def sheet(outcome: Audit) -> dict[Case, str]:
    return {one.case: one.certainty for one in outcome.conclusions}


@pytest.mark.parametrize(
    ("name", "case", "verdict", "certainty"),
    [
        ("intact original.wav", Case.ORIGINAL, Verdict.VERIFIED, "certain"),
        ("same samples.flac", Case.SAME_SAMPLES, Verdict.VERIFIED, "certain"),
        ("re-encoded.mp3", Case.REENCODED, Verdict.VERIFIED, "1 - "),
        ("excerpt.m4a", Case.EXCERPT, Verdict.VERIFIED, "1 - "),
        ("sped up.wav", Case.RESPED, Verdict.VERIFIED, "1 - "),
        ("stretched.wav", Case.STRETCHED, Verdict.VERIFIED, "1 - "),
        ("pitched.wav", Case.REPITCHED, Verdict.VERIFIED, "1 - "),
        ("a little higher.wav", Case.REPITCHED, Verdict.VERIFIED, "1 - "),
        ("mixed.wav", Case.MIXED, Verdict.VERIFIED, "1 - "),
        ("stripped of its mark.wav", Case.MARK_GONE, Verdict.VERIFIED, "likely"),
        ("copied mark.wav", Case.COPIED_MARK, Verdict.INVALID, "likely"),
        ("marked elsewhere.ogg", Case.FOREIGN_MARK, Verdict.UNKNOWN, "1 - "),
        ("unknown.wav", Case.NOTHING_KNOWN, Verdict.UNKNOWN, "open"),
    ],
)
def test_audio_is_concluded_by_what_was_done_to_it(
    heard: Callable[[Path, bool], Audit],
    assets: Callable[[str], Path],
    name: str,
    case: Case,
    verdict: Verdict,
    certainty: str,
) -> None:
    outcome = heard(assets(name), case in (Case.RESPED, Case.STRETCHED, Case.REPITCHED))
    found = sheet(outcome)
    assert outcome.verdict is verdict, (found, [f for f in outcome.findings if f.status is Status.INVALID])
    assert case in found, (found, outcome.evidence)
    assert found[case].startswith(certainty)
    assert (Case.NOTHING_KNOWN in found) == (case is Case.NOTHING_KNOWN)
    sound = set(found) & {one.case for one in outcome.conclusions if one.track is not None}
    others = {Case.MIXED, Case.EXCERPT} if case is Case.MIXED else {case}
    assert sound <= others
    assert {one.layer for one in outcome.evidence} >= ({"watermark"} if certainty == "1 - " else set())


def test_evidence_says_where_and_how_sure(heard: Callable[[Path, bool], Audit], assets: Callable[[str], Path]) -> None:
    outcome = heard(assets("sped up.wav"), True)
    (mark,) = (one for one in outcome.evidence if one.layer == "watermark")
    (like,) = (one for one in outcome.evidence if one.layer == "fingerprint")
    assert mark.track == like.track == str(outcome.tracks[0].entry.claim)
    assert mark.score is not None and mark.score > 4.2 and mark.false_positive is not None
    assert mark.speed == pytest.approx(1.04, abs=0.002) and mark.pitch == pytest.approx(1.04, abs=0.002)
    assert like.distance is not None and like.distance < 0.15
    assert mark.end is not None and mark.end > 15


@pytest.mark.parametrize(
    ("name", "searched", "pitch"), [("pitched.wav", True, 1.08), ("a little higher.wav", False, 1.02)]
)
def test_sound_says_the_pitch_that_a_mark_says_roughly_or_not_at_all(
    heard: Callable[[Path, bool], Audit], assets: Callable[[str], Path], name: str, searched: bool, pitch: float
) -> None:
    outcome = heard(assets(name), searched)
    assert set(sheet(outcome)) == {Case.REPITCHED}
    (like,) = (one for one in outcome.evidence if one.layer == "fingerprint")
    assert like.pitch == pytest.approx(pitch, abs=0.006) and like.speed == pytest.approx(1.0, abs=0.001)
    assert like.distance is not None and like.distance < 0.2


def test_without_a_search_a_faster_copy_is_not_known(story: Story, assets: Callable[[str], Path]) -> None:
    assert set(sheet(audit(story.home, assets("sped up.wav")))) == {Case.NOTHING_KNOWN}


def test_a_private_mark_is_heard_with_its_key_alone(story: Story, tmp_path: Path) -> None:
    key, path = bytes(range(32)), tmp_path / "twice marked.wav"
    marked = Watermark(PUBLIC_KEY).detect(load(story.track))[0].id
    save(path, Watermark(key).embed(load(story.track), marked))
    assert "under ours" not in str(audit(story.home, path).findings)
    outcome = audit(story.home, path, hearing=Hearing(keys=(("ours", key),)))
    assert any("under ours" in one.detail and one.track for one in outcome.evidence)
    assert outcome.verdict is Verdict.VERIFIED


# -- manifests


@pytest.fixture(scope="module")
def signed(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story's samples in a FLAC file with a manifest that names the track."""
    with story.home.ledger() as ledger:
        (entry,) = ledger.contracts.tracks()
        model = ledger.contracts.model(entry.model)
        place = ledger.contracts.deployment
    folder = tmp_path_factory.mktemp("signed")
    bare, path = folder / "bare.flac", folder / "signed.flac"
    encode(bare, load(story.track))
    companions = story.home.companions("carl")
    chain = Chain.local(companions, story.creator.address, datetime(2026, 11, 1, tzinfo=UTC))
    origin = Origin(place.chain_id, place.tracks, f"{entry.id:016x}", entry.claim, model.record, model.weights, ())
    with bare.open("rb") as source, path.open("w+b") as target:
        sign(source, target, ".flac", Statement(origin, "ISCC:EIAWUJFCEZZOJYVD", None), Pen(companions, chain))
    return path


def manifest_cases(outcome: Audit) -> set[Case]:
    return set(sheet(outcome)) & {Case.EDITED_TAGS, Case.MOVED_MANIFEST, Case.FORGED_MANIFEST, Case.DOUBTFUL_SOUND}


def test_a_manifest_that_holds_speaks_for_the_track(story: Story, signed: Path) -> None:
    outcome = audit(story.home, signed)
    assert outcome.verdict is Verdict.VERIFIED
    assert manifest_cases(outcome) == set()
    assert outcome.evidence[0].layer == "manifest" and outcome.evidence[0].track == str(outcome.tracks[0].entry.claim)


def test_edited_tags_are_told_and_take_nothing_from_the_sound(story: Story, signed: Path, tmp_path: Path) -> None:
    path = tmp_path / "edited tags.flac"
    path.write_bytes(signed.read_bytes() + b"TAG" + bytes(125))
    outcome = audit(story.home, path)
    assert manifest_cases(outcome) == {Case.EDITED_TAGS}
    assert outcome.verdict is Verdict.VERIFIED


def test_a_manifest_moved_from_another_file_is_called_that(story: Story, signed: Path, tmp_path: Path) -> None:
    store, path = extract(signed), tmp_path / "moved manifest.wav"
    assert store is not None
    save(path, chords(20.0, 93))
    path.with_name(f"{path.name}.c2pa").write_bytes(store)
    outcome = audit(story.home, path)
    assert manifest_cases(outcome) == {Case.MOVED_MANIFEST}
    assert outcome.verdict is Verdict.INVALID
    assert Case.COPIED_MARK not in sheet(outcome)


def test_an_altered_manifest_is_forged(story: Story, signed: Path, tmp_path: Path) -> None:
    whole, path = signed.read_bytes(), tmp_path / "altered manifest.flac"
    place = whole.index(b"weights") + 20
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    outcome = audit(story.home, path)
    assert manifest_cases(outcome) == {Case.FORGED_MANIFEST}
    assert outcome.verdict is Verdict.INVALID


# -- chain and content


@pytest.fixture
def copied(story: Story, tmp_path: Path) -> Iterator[Home]:
    """The story's home again, to be damaged."""
    shutil.copytree(story.home.path, tmp_path / "home")
    yield replace(story.home, settings=replace(story.home.settings, home=tmp_path / "home"))


def test_a_replaced_dataset_block_is_called_that_and_a_lost_one_is_out_of_reach(story: Story, copied: Home) -> None:
    with copied.ledger() as ledger:
        name = Cid.parse(ledger.contracts.dataset(1).cid).digest.hex()
    block = copied.path / "content" / name[:2] / name[2:4] / name
    block.chmod(0o600)
    block.write_bytes(block.read_bytes().replace(b"a", b"b", 1))
    outcome = audit(copied, story.track)
    assert (outcome.verdict, Case.REPLACED_BLOCK in sheet(outcome)) == (Verdict.INVALID, True)
    block.unlink()
    outcome = audit(copied, story.track)
    assert (outcome.verdict, Case.CONTENT_UNREACHABLE in sheet(outcome)) == (Verdict.UNVERIFIABLE, True)
    assert Case.REPLACED_BLOCK not in sheet(outcome)


def test_a_chain_out_of_reach_says_nothing_against_the_track(story: Story, tmp_path: Path) -> None:
    away = Home(Settings(home=tmp_path, rpc_url="http://127.0.0.1:9"))
    outcome = audit(away, story.track)
    assert outcome.verdict is Verdict.UNVERIFIABLE
    assert set(sheet(outcome)) == {Case.CHAIN_UNREACHABLE, Case.NOTHING_KNOWN}


def test_a_track_whose_block_the_chain_dropped_is_not_final_after_all(
    story: Story, copied: Home, tmp_path: Path
) -> None:
    path, other = tmp_path / "reorganised.wav", tmp_path / "other.wav"
    save(path, chords(6.0, 81))
    save(other, chords(6.0, 82))
    with copied.ledger() as ledger:
        audio = Digest.of_file(path)
        cid = str(Cid.of_digest(audio.raw))
        minted = ledger.contracts.mint_track(story.creator, audio, audio, audio, cid, story.model)
        place = f"{minted.block} ({ledger.chain.block_hash(minted.block)})"
    assert audit(copied, other).verdict is Verdict.UNKNOWN  # and the home saw the block
    shutil.rmtree(copied.path / "chain")
    shutil.copytree(story.home.path / "chain", copied.path / "chain")
    outcome = audit(copied, path)
    assert (outcome.verdict, Case.REORGANISED in sheet(outcome)) == (Verdict.UNVERIFIABLE, True)
    assert any(place in one.detail for one in outcome.findings if one.check == "reorganisation")
    assert audit(copied, other).verdict is Verdict.UNKNOWN


def test_among_many_tracks_the_index_names_the_one_it_sounds_like(
    story: Story, copied: Home, assets: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.workflows.catalogue.FEW", 0)
    assert Case.MARK_GONE in sheet(audit(copied, assets("stripped of its mark.wav")))
    assert set(sheet(audit(copied, assets("unknown.wav")))) == {Case.NOTHING_KNOWN}

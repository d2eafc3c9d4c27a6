"""Minted files and their copies: what leaves carries a manifest that the reader of C2PA's own makers accepts."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import c2pa
import pytest
import tsa_server
from shell import Shell
from story import Story, now

from api import certificates, drafts
from api.errors import NotMinted, OutputExists, UsageError
from api.workflows import generation, minting, publishing
from gen.audio import encode, load
from ledger import certificate, credentials, timestamp
from ledger.cid import Cid
from ledger.companions import Companions
from ledger.digest import Digest
from ledger.envelope import Envelope
from ledger.findings import Status, Verdict
from ledger.manifest import Pen, Statement, sign
from ledger.safetensors import Header


def fresh(story: Story, folder: Path, seed: int) -> Path:
    """Three seconds of new music, not minted yet."""
    out = folder / f"{seed}.wav"
    carl = story.creator.address
    generation.generate(story.home, story.model, seconds=3, seed=seed, creator=carl, out=out, now=now)
    return out


@pytest.fixture(scope="module")
def unminted(story: Story, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return fresh(story, tmp_path_factory.mktemp("unminted"), 21).read_bytes()


def roots(story: Story) -> tuple[bytes, ...]:
    chain = certificates.known(story.home, story.creator.address)
    assert chain is not None
    return certificate.roots(chain.pem)[1:]


def state(path: Path, trust: tuple[bytes, ...] = ()) -> str | None:
    found = credentials.read(path, trust)
    return None if found is None else found.state


def published(story: Story, track: Path, out: Path) -> publishing.Published:
    edition = publishing.Edition(bitrate_kbps=128, title="Study", artist="Somebody")
    return publishing.publish(story.home, track, out, edition, signer=story.creator, now=datetime.now(UTC))


def test_a_minted_file_tells_its_whole_origin(story: Story) -> None:
    found = credentials.read(story.track, roots(story))
    assert found is not None
    assert (found.state, found.failures, found.stamped, found.embedded) == ("trusted", (), False, True)
    with story.home.ledger() as ledger:
        entry = ledger.contracts.track_by_audio(Digest.of_file(story.track))
        assert entry is not None
        model = ledger.contracts.model(story.model)
        deployment = ledger.contracts.deployment
        datasets = [ledger.contracts.dataset(number).record for number, _ in model.datasets]
    origin = found.origin
    assert origin is not None
    assert (origin.chain_id, origin.tracks) == (deployment.chain_id, deployment.tracks)
    assert (origin.claim, int(origin.token, 16)) == (entry.claim, entry.id)
    assert (origin.model_record, origin.weights) == (model.record, model.weights)
    assert list(origin.datasets) == datasets
    assert found.watermark == f"{entry.id:016x}"
    assert found.generated
    companions = story.creator.companions
    assert companions is not None
    assert found.key == companions.public.p256
    assert state(story.track) == "valid"


def test_a_manifest_names_no_person_and_no_file(story: Story) -> None:
    with c2pa.Reader(story.track) as reader:
        said = reader.detailed_json() + reader.crjson()
    for word in ("carl", "anna", "track.wav", str(story.folder), "take in"):
        assert word not in said
    content = json.loads(said[: said.index("\n}") + 2])
    labels = set(content["manifests"][content["active_manifest"]]["assertion_store"])
    assert {"c2pa.actions.v2", "cawg.training-mining", "c2pa.asset-ref", "org.stemmata.origin"} <= labels
    assert {"c2pa.soft-binding", "c2pa.soft-binding__1"} <= labels


def test_what_the_file_was_before_is_recognised_and_gives_way_to_the_minted_one(
    story: Story, unminted: bytes, tmp_path: Path
) -> None:
    out = tmp_path / "out.wav"
    out.write_bytes(unminted)
    out.chmod(0o640)
    samples = load(out).pcm_sha256()
    entry = minting.mint(story.home, out, signer=story.creator).entry
    signed = out.read_bytes()
    assert signed != unminted
    assert load(out).pcm_sha256() == samples
    assert out.stat().st_mode & 0o777 == 0o640
    assert entry.audio == Digest.of(signed)
    out.write_bytes(unminted)
    assert minting.mint(story.home, out, signer=story.creator).already
    assert out.read_bytes() == signed
    found = credentials.read(out)
    assert found is not None
    assert found.asset is not None
    assert story.home.store().read_bytes(Cid.parse(found.asset.removeprefix("ipfs://"))) == unminted


KILLED = """
import os, signal, sys
from pathlib import Path
from api import drafts
from api.home import Home
from api.settings import Settings
from api.workflows import minting
from ledger import archive, file
from ledger.contracts import Contracts

home, track, step = sys.argv[1:]
home = Home(Settings(home=Path(home), passphrase="open sesame"))

def kill(*arguments, **named):
    os.kill(os.getpid(), signal.SIGKILL)

def then_kill(function):
    def run(*arguments, **named):
        function(*arguments, **named)
        kill()
    return run

if step == "signed":
    drafts.keep_signed = kill
elif step == "noted":
    drafts.keep_signed = then_kill(drafts.keep_signed)
elif step == "replaced":
    archive.publish = kill
elif step == "published":
    archive.publish = then_kill(archive.publish)
elif step == "sent":
    Contracts.mint_track = then_kill(Contracts.mint_track)
minting.mint(home, Path(track), signer=home.signer("carl"))
"""


@pytest.mark.slow
def test_killed_at_one_step_after_another_a_mint_goes_on_with_the_file_that_was_signed(
    story: Story, tmp_path: Path
) -> None:
    out = fresh(story, tmp_path, 30)
    before = Digest.of_file(out)
    kept = None
    for step in ("signed", "noted", "replaced", "published", "sent"):
        done = subprocess.run([sys.executable, "-c", KILLED, str(story.home.path), str(out), step], check=False)
        assert done.returncode == -signal.SIGKILL, step
        record = drafts.signed(story.home, before)
        assert (record is None) == (step == "signed")
        assert kept in (None, record)
        kept = record
    assert kept is not None
    minted = minting.mint(story.home, out, signer=story.creator)
    assert minted.already
    assert minted.entry.audio == Digest.of_file(out) == kept.audio
    assert state(out, roots(story)) == "trusted"
    assert list(tmp_path.iterdir()) == [out]
    signed = out.read_bytes()
    assert fresh(story, tmp_path, 30) == out
    assert out.read_bytes() == signed
    plain = fresh(story, tmp_path, 31)
    shell = Shell(story.home.path)
    assert shell.json("mint", str(plain), "--key", "carl", "--no-credential")["credential"] is None


@pytest.mark.parametrize(
    "suffix", [".mp3", ".ogg", *(pytest.param(suffix, marks=pytest.mark.slow) for suffix in (".flac", ".m4a", ".opus"))]
)
def test_a_copy_names_the_minted_file_as_its_parent(story: Story, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"copy{suffix}"
    done = published(story, story.track, out)
    found, original = credentials.read(out, roots(story)), credentials.read(story.track)
    assert found is not None
    assert original is not None
    assert (found.state, found.failures, found.parents) == ("trusted", (), (original.id,))
    assert found.origin == original.origin
    assert found.generated
    assert found.embedded == (done.sidecar is None)
    assert story.audit(out).tracks[0].entry.claim == done.entry.claim
    assert published(story, story.track, out).already
    out.write_bytes(b"other")
    with pytest.raises(OutputExists):
        published(story, story.track, out)


def test_only_a_minted_track_is_published(story: Story, unminted: bytes, tmp_path: Path) -> None:
    track = tmp_path / "track.wav"
    track.write_bytes(unminted)
    with pytest.raises(NotMinted, match="mint"):
        published(story, track, tmp_path / "x.mp3")
    for out, reason in (("x.wav", "copies are made as"), ("nowhere/x.mp3", "make it first")):
        with pytest.raises(UsageError, match=reason):
            published(story, track, tmp_path / out)
    assert list(tmp_path.iterdir()) == [track]


def test_the_commands_say_what_they_signed(story: Story, unminted: bytes, tmp_path: Path) -> None:
    shell, track, root = Shell(story.home.path), tmp_path / "track.wav", tmp_path / "root.pem"
    track.write_bytes(unminted)
    minted = shell.json("mint", str(track), "--key", "carl")
    assert minted["credential"]["state"] == "valid"
    root.write_bytes(roots(story)[0])
    trusting = Shell(story.home.path, {"STEMMATA_TRUST": str(root)})
    copied = trusting.json("publish", str(track), str(tmp_path / "a.flac"), "--key", "carl")
    assert (copied["credential"]["state"], copied["already"]) == ("trusted", False)
    shown = shell.json("key", "certificate", "carl")
    assert shown["local"]
    assert shown["subject"].startswith(f"CN={story.creator.address}")
    assert "STEMMATA_TSA" in Shell(story.home.path, {"STEMMATA_TSA": "ftp://x"}).refusal("key", "list", code=2)
    assert "STEMMATA_TRUST" in Shell(story.home.path, {"STEMMATA_TRUST": str(track)}).refusal(
        "mint", str(track), "--key", "carl", code=2
    )


def test_weights_leave_with_a_manifest_and_come_back_as_they_were(story: Story, shell: Shell, tmp_path: Path) -> None:
    out = tmp_path / "model.safetensors"
    told = shell.json("model", "publish", str(story.model), str(out), "--key", "carl")
    assert (told["credential"]["state"], told["signature"]) == ("valid", None)
    content = out.read_bytes()
    header = Header.read(io.BytesIO(content))
    plain = header.without_manifest().to_bytes() + content[len(header.to_bytes()) :]
    assert str(Digest.of(plain)) == told["weights"]
    assert "exists" in shell.refusal("model", "publish", str(story.model), str(out), "--key", "carl", code=2)
    other = str(tmp_path / "other.safetensors")
    assert "NotCreator" in shell.refusal("model", "publish", str(story.model), other, "--key", "ben")


def test_an_audit_says_whether_the_creator_signed_the_manifest(story: Story, tmp_path: Path) -> None:
    copy, other = tmp_path / "copy.flac", tmp_path / "other.flac"
    published(story, story.track, copy)
    (found,) = [finding for finding in story.audit(copy).findings if "published on chain" in finding.detail]
    assert (found.check, found.status) == ("manifest", Status.OK)
    companions = Companions.generate()
    stranger = Pen(companions, certificate.Chain.local(companions, story.creator.address, datetime.now(UTC)))
    origin = credentials.read(story.track)
    assert origin is not None
    assert origin.origin is not None
    encode(tmp_path / "plain.flac", load(story.track))
    said = Statement(origin.origin, str(origin.iscc), None)
    with (tmp_path / "plain.flac").open("rb") as plain, other.open("w+b") as out:
        sign(plain, out, ".flac", said, stranger)
    outcome = story.audit(other)
    (note,) = [finding for finding in outcome.findings if "somebody else" in finding.detail]
    assert (note.check, note.status, outcome.verdict) == ("manifest", Status.NOTE, Verdict.VERIFIED)


@pytest.mark.integration
@pytest.mark.slow
def test_manifest_and_record_are_stamped_where_the_settings_say_by_whom(story: Story, tmp_path: Path) -> None:
    with tsa_server.running(tmp_path, whole_chain=False) as authority:
        shell, track = Shell(story.home.path, {"STEMMATA_TSA": authority.url}), fresh(story, tmp_path, 40)
        minted = shell.json("mint", str(track), "--key", "carl")
        assert authority.asked == 2
    assert minted["credential"]["stamped"]
    found = credentials.read(track, (authority.root,))
    assert found is not None
    assert found.stamp_trusted
    envelope = Envelope.from_bytes(story.home.store().read_bytes(Cid.parse(minted["cid"])))
    (stamp,) = timestamp.tokens(envelope)
    assert timestamp.read(stamp, envelope.pae, (authority.root,)).trusted
    (tmp_path / "root.pem").write_bytes(authority.root)
    for trust, status in (((), "note"), (("--trust", str(tmp_path / "root.pem")), "ok")):
        told = Shell(story.home.path).json("audit", str(track), *trust)
        assert told["verdict"] == "verified"
        stamps = {one["subject"].split()[0]: one["status"] for one in told["findings"] if one["check"] == "time stamp"}
        assert stamps == {"manifest": status, "track": status}

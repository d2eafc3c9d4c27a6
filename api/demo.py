"""The whole way once, with real parts: recordings in, a minted track out, a verdict on a re-encoded piece of it.

Two models have a part in it: one is trained before everybody's eyes, small and quickly, on the recordings that were
registered; the track is played by the instrument that comes with the package. Only of recordings of the user's own, and
where the home has no instrument, the model that was trained plays.

Everything happens in one folder and through the same workflows as the single commands. Run again, it finds what is
done already and goes on.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api import report as reports
from api.amounts import ether_from_wei
from api.errors import InstrumentMissing, UsageError
from api.home import Home
from api.reports.terminal import as_text, model_as_text
from api.settings import Settings
from api.workflows import datasets, generation, licenses, minting, training
from api.workflows import instrument as instrument_workflow
from api.workflows.audit import Audit, audit
from api.workflows.model_audit import audit as audit_model
from ledger.errors import KeyExists, LicenseMissing

if TYPE_CHECKING:
    from gen.training.loop import Progress
    from ledger.contracts import DatasetEntry
    from ledger.keys import Signer
    from ledger.lineage import TrackNode

# Published on purpose: it guards play money and music that is in the public domain.
DEMO_PASSPHRASE_NOT_SECRET = "stemmata-demo"  # noqa: S105
SEED = 7
SECONDS = 30.0
PIECE = (8.0, 23.0)
PRICE_WEI = 5 * 10**16
ROYALTY_PPM = 50_000
NAMES = ("holder-1", "holder-2", "creator", "auditor")

Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Stage:
    """Where the demo speaks and what time it is. ``progress`` opens a progress bar."""

    say: Callable[[str], None]
    progress: Callable[..., AbstractContextManager[Report]]
    now: Callable[[], datetime]


def run(folder: Path, audio: Path | None, instrument: Path | None, stage: Stage) -> dict[str, Any]:
    """Tell the story in ``folder`` and return it as one object. ``audio`` replaces the rendered recordings.

    ``instrument`` is :attr:`api.settings.Settings.instrument`.
    """
    home = Home(Settings(home=folder / "home", passphrase=DEMO_PASSPHRASE_NOT_SECRET, instrument=instrument))
    home.path.mkdir(parents=True, exist_ok=True)
    sources = _own(audio) if audio is not None else _render(folder / "recordings", stage)
    signers = _keys(home, stage)
    entries = [
        _register(home, source, title, license_, signers[f"holder-{index}"], stage)
        for index, (source, title, license_) in enumerate(sources, start=1)
    ]
    ids = [entry.id for entry in entries]
    _license(home, entries, signers["creator"], stage)
    trained = _train(home, ids, signers["creator"], stage)
    model = trained if audio is not None else _player(home, trained, signers["creator"], stage)
    track = folder / "track.wav"
    track.unlink(missing_ok=True)  # the same again, unless the program has changed since
    made = generation.generate(
        home, model, seconds=SECONDS, seed=SEED, creator=signers["creator"].address, out=track, now=stage.now
    )
    stage.say(f"generate  {track.name}, {SECONDS:g} s, watermark {made.claim.watermark.hex()}")
    minted = minting.mint(home, track, signer=signers["creator"])
    stage.say(f"mint      track {str(minted.entry.claim)[:16]}… in block {minted.entry.block}")
    piece = _piece(track)
    stage.say(f"copy      {piece.name}: MP3 128 kb/s, {PIECE[1] - PIECE[0]:g} s cut out, encoded again")
    good = audit(home, piece)
    reports.write_signed(folder / "audit.json", good, signers["auditor"], stage.now())
    stage.say("")
    stage.say(as_text(good, piece.name))
    if model != trained:
        _show(home, trained, stage)
    bad = _tamper(home, folder / "tampered", good.tracks[0], piece, stage) if good.tracks else None
    _farewell(folder, stage)
    return {
        "folder": str(folder),
        "datasets": ids,
        "trained": trained,
        "model": model,
        "track": str(minted.entry.claim),
        "audit": reports.as_json(good, piece.name),
        "tampered": reports.as_json(bad, piece.name) if bad is not None else None,
    }


def _render(folder: Path, stage: Stage) -> list[tuple[Path, str, str]]:
    """Perform the shipped public-domain scores into WAV files, one folder per composer."""
    from gen import instruments, score
    from gen.audio import save

    names = score.names()
    titles: dict[str, str] = {}
    with stage.progress() as report:
        for done, name in enumerate(names, start=1):
            piece = score.load(name)
            target = folder / f"{name}.wav"
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                save(target, instruments.render(piece))
            titles[name.split("/", maxsplit=1)[0]] = f"{piece.composer}: recordings rendered from public-domain scores"
            report("rendering scores", done, len(names))
    stage.say(f"scores    {len(names)} public-domain pieces rendered into {folder.name}/")
    return [(folder / composer, title, "CC0-1.0") for composer, title in titles.items()][:2]


def _own(audio: Path) -> list[tuple[Path, str, str]]:
    """The user's recordings as two datasets: the first two sub-folders that hold audio."""
    from gen.corpus import scan
    from gen.errors import NoRecordings

    found = []
    for folder in sorted(path for path in audio.iterdir() if path.is_dir() and not path.name.startswith(".")):
        try:
            scan(folder)
        except NoRecordings:
            continue
        found.append((folder, folder.name, "LicenseRef-own"))
    if len(found) < 2:
        raise UsageError(f"--audio {audio}: needs two sub-folders with recordings, one for each holder")
    return found[:2]


def _keys(home: Home, stage: Stage) -> dict[str, Signer]:
    keystore = home.keystore()
    signers = {}
    with stage.progress() as report:
        for done, name in enumerate(NAMES, start=1):
            with contextlib.suppress(KeyExists):  # made in an earlier run
                keystore.new(name, DEMO_PASSPHRASE_NOT_SECRET)
            signers[name] = home.signer(name)
            report("making keys", done, len(NAMES))
    stage.say("keys      " + ", ".join(f"{name} {str(signer.address)[:8]}…" for name, signer in signers.items()))
    return signers


def _register(home: Home, source: Path, title: str, license_: str, signer: Signer, stage: Stage) -> DatasetEntry:
    from ledger.records import Terms

    with stage.progress(in_bytes=True) as report:
        done = datasets.add(
            home,
            source,
            title=title,
            license_=license_,
            terms=Terms(price=PRICE_WEI, royalty_ppm=ROYALTY_PPM, uses=("train",)),
            signer=signer,
            now=stage.now,
            skip_bad=True,
            report=report,
        )
    stage.say(f"dataset   {done.entry.id}: {title}, {done.recordings} recordings, {done.seconds / 60:.1f} min")
    for name, reason in done.omitted:
        stage.say(f"          left out {name}: {reason}")
    return done.entry


def _license(home: Home, entries: list[DatasetEntry], creator: Signer, stage: Stage) -> None:
    """Buy what is needed, after showing that nothing goes without."""
    from gen.preset import load_preset

    with home.ledger() as ledger:
        held = [ledger.contracts.is_licensed("dataset", entry.id, creator.address, "train") for entry in entries]
    if not all(held):
        try:
            training.train(
                home,
                [entry.id for entry in entries],
                preset=load_preset("tiny"),
                seed=SEED,
                signer=creator,
                now=stage.now,
            )
        except LicenseMissing as error:
            stage.say(f"refused   {str(error).split(';')[0]}")
    for entry in entries:
        done = licenses.buy(home, "dataset", entry.id, uses=("train",), signer=creator, now=stage.now)
        if done.entry is not None:
            price = ether_from_wei(done.entry.price)
            stage.say(f"license   {done.entry.id}: dataset {entry.id}, train, {price} ETH")


def _train(home: Home, ids: list[int], creator: Signer, stage: Stage) -> int:
    from gen.preset import load_preset

    with stage.progress() as report:

        def progress(step: Progress) -> None:
            report(training.described(step), step.step, step.steps)

        done = training.train(
            home, ids, preset=load_preset("tiny"), seed=SEED, signer=creator, now=stage.now, progress=progress
        )
    before = " (trained before)" if done.already else ""
    stage.say(f"model     {done.entry.id}: preset tiny, weights {str(done.entry.weights)[:16]}…{before}")
    return done.entry.id


def _player(home: Home, trained: int, creator: Signer, stage: Stage) -> int:
    """The instrument, to which the creator is licensed now; in a home without one the model that was trained."""
    try:
        model = instrument_workflow.ready(home, creator=creator.address, unlock=lambda: creator, now=stage.now).model
    except InstrumentMissing:
        return trained
    stage.say(f"instrument model {model}: came with the package and is free to play; model {trained} shows training")
    return model


def _show(home: Home, trained: int, stage: Stage) -> None:
    """The tree of the model that was trained: its licenses, and whom they are from."""
    stage.say("")
    for line in model_as_text(audit_model(home, trained)).splitlines():
        if not line.startswith(("✓", "·")):
            stage.say(line)


def _piece(track: Path) -> Path:
    """What a stranger might find: an MP3 of the track, cut, and encoded a second time."""
    from gen.audio import encode, load

    copy, piece = track.with_suffix(".mp3"), track.with_name("piece.mp3")
    encode(copy, load(track), 128)
    encode(piece, load(copy).excerpt(*PIECE), 128)
    return piece


def _tamper(home: Home, folder: Path, track: TrackNode, piece: Path, stage: Stage) -> Audit:
    """In a copy of the home, alter the training record where it is stored; then audit the same piece again."""
    from ledger.cid import Cid

    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(home.path, folder, copy_function=_copy)
    copy = replace(home, settings=replace(home.settings, home=folder))
    name = Cid.parse(track.model.entry.cid).digest.hex()
    block = copy.folder("content") / name[:2] / name[2:4] / name
    data = block.read_bytes()
    block.unlink()
    middle = len(data) // 2
    block.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
    stage.say("")
    stage.say(
        f"tamper    one bit of the training record of model {track.model.entry.id} flipped, in a copy of the home"
    )
    outcome = audit(copy, piece)
    stage.say("")
    for line in as_text(outcome, piece.name).splitlines():
        if line.startswith(("verdict", "✗")):
            stage.say(line)
    return outcome


def _copy(source: str, target: str) -> None:
    """Blocks and features never change in place, so the copy shares them; all else is copied."""
    if {"content", "cache"} & set(Path(source).parts):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def _farewell(folder: Path, stage: Stage) -> None:
    stage.say("")
    stage.say(f"Everything lies in {folder}: track.wav, piece.mp3, audit.json (signed), home/, tampered/.")
    stage.say("Go on with it:")
    stage.say(f"  export STEMMATA_HOME={folder / 'home'} STEMMATA_PASSPHRASE={DEMO_PASSPHRASE_NOT_SECRET}")
    stage.say(f"  stemmata audit {folder / 'piece.mp3'}")

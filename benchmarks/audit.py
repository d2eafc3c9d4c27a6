"""How long an audit takes, of which look-ups among a million tracks, and a folder of files; prints Markdown tables.

Run with ``python benchmarks/audit.py`` (some minutes and 1 GB of disk, mostly for the index); ``--tracks N`` for fewer,
``--part folder`` for the folder alone. One thread in each process.

A track of three minutes is minted and found again: by its mark in an MP3, and in an MP3 without the mark by what it
sounds like. All other tracks are made up, and in the index alone: the chain is asked for what is found there, and takes
as long for one track as for a million.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

SECONDS = 180.0
WORDS_PER_TRACK = 25
RUNS = 3
FILES = 20
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


@dataclass(frozen=True)
class Minted:
    """A home with one track of three minutes, and its MP3s with and without the mark."""

    home: object
    marked: Path
    unmarked: Path
    folder: Path


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser()
    options.add_argument("--tracks", type=int, default=1_000_000)
    options.add_argument("--part", choices=["all", "folder"], default="all")
    asked = options.parse_args()
    tracks = asked.tracks
    with tempfile.TemporaryDirectory() as folder:
        minted = mint(Path(folder))
        folders(minted)
        if asked.part == "folder":
            return
        begun = time.perf_counter()
        fill(minted, tracks)
        size = (minted.home.path / "index" / "tracks.sqlite").stat().st_size
        print(f"index: {tracks:,} tracks, {WORDS_PER_TRACK} words each, {size / 1e6:.0f} MB, ", end="")
        print(f"filled in {time.perf_counter() - begun:.0f} s\n")
        audits(minted)
        look_ups(minted, tracks)


def mint(folder: Path) -> Minted:
    """Register, license, record a made-up model, mint chords, as an ordinary home would."""
    from chords import chords
    from story import new_home, new_key

    from api.settings import Settings
    from api.workflows import datasets, licenses
    from gen.audio import encode, load, save
    from gen.fingerprint import fingerprint
    from gen.watermark.mark import Watermark
    from gen.watermark.payload import PUBLIC_KEY
    from ledger.archive import publish
    from ledger.digest import Digest
    from ledger.hashing import keep
    from ledger.records import Claim, DatasetUse, Split, Terms, TrackRecord, TrainingRunRecord

    home = new_home(Settings(home=folder / "home", passphrase="open sesame"))
    anna, carl = new_key(home, "anna"), new_key(home, "carl")
    (folder / "recordings").mkdir()
    for seed in (1, 2, 3):
        save(folder / "recordings" / f"{seed}.wav", chords(20.0, seed))
    terms = Terms(price=1, royalty_ppm=50_000, uses=("train",))
    source = folder / "recordings"
    made = datasets.add(home, source, title="chords", license_="CC0-1.0", terms=terms, signer=anna, now=lambda: NOW)
    held = licenses.buy(home, "dataset", made.entry.id, uses=("train",), signer=carl, now=lambda: NOW)
    audio, unmarked = folder / "track.wav", chords(SECONDS, 7)
    time_ = "2026-11-23T10:00:00Z"
    with home.ledger() as ledger:
        contracts, store = ledger.contracts, ledger.store
        weights = keep(store, io.BytesIO(b"weights"))
        use = DatasetUse(made.entry.id, made.entry.record, made.entry.root, held.entry.id, 1_000_000)
        run = TrainingRunRecord(
            weights.sha256, False, weights, 7, carl.address, 0, (use,), (), "tiny", {"steps": 1}, 1, weights.sha256,
            {"torch": "2"}, "x86_64", time_, time_, {"loss": "0.5"}, Split(8, 1, 1),
        )  # fmt: skip
        parts = [(use.id, use.share_ppm)]
        model = contracts.record_model(
            carl, run.weights, run.digest, str(publish(store, run, carl)), parts, royalty_ppm=0
        )
        place = contracts.deployment
        claim = Claim(
            place.chain_id, place.tracks, model.id, model.weights, carl.address, 1, unmarked.frames, unmarked.rate,
            unmarked.channels, (1_000_000,), {"temperature": "1.0"},
        )  # fmt: skip
        save(audio, Watermark(PUBLIC_KEY).embed(unmarked, claim.watermark))
        wave = load(audio)
        codes = fingerprint(wave)
        with audio.open("rb") as file:
            content = keep(store, file)
        record = TrackRecord(
            claim, content.sha256, Digest(wave.pcm_sha256()), audio.stat().st_size, codes.iscc,
            keep(store, io.BytesIO(codes.to_bytes())), content, claim.style, claim.watermark.hex(), 0, model.record,
            time_,
        )  # fmt: skip
        cid = str(publish(store, record, carl))
        contracts.mint_track(carl, claim.digest, record.audio, record.digest, cid, model.id)
    encode(folder / "marked.mp3", wave, 128)
    encode(folder / "unmarked.mp3", unmarked, 128)
    return Minted(home, folder / "marked.mp3", folder / "unmarked.mp3", folder)


def fill(minted: Minted, tracks: int) -> None:
    """The index of the home, and made-up tracks with words as random as they can be; in the order of the words."""
    import numpy as np

    from api.workflows.catalogue import Catalogue
    from gen.fingerprint import Fingerprint

    with minted.home.ledger() as ledger, Catalogue(minted.home, ledger) as catalogue:
        catalogue.forgotten(ledger.contracts.tracks()[0].audio, ())
    pick = np.random.default_rng(1)
    # Words that a fingerprint would choose, of all codes alike: a word lies in as few tracks as it can.
    codes = pick.integers(0, 2**32, 1 << 22, dtype=np.uint32)
    words = np.array(sorted(Fingerprint(codes).words), dtype=np.int64)
    chosen = np.sort(words[pick.integers(0, len(words), tracks * WORDS_PER_TRACK)])
    whose = pick.integers(2, tracks + 1, len(chosen))
    import sqlite3

    file = sqlite3.connect(minted.home.path / "index" / "tracks.sqlite", isolation_level=None)
    file.execute("begin")

    def rows() -> Iterator[tuple[int, int, bytes, bytes]]:
        for number in range(2, tracks + 1):
            token = (number * 0x9E3779B97F4A7C15) % (1 << 64) - (1 << 63)
            yield number, token, number.to_bytes(32), (number % 1000).to_bytes(20)

    columns = "number, token, audio, owner, block, tried, heard"
    file.executemany(f"insert or ignore into tracks ({columns}) values (?, ?, ?, ?, 1, 1, 1)", rows())
    for first in range(0, len(chosen), 1 << 20):
        part = zip(chosen[first : first + (1 << 20)].tolist(), whose[first : first + (1 << 20)].tolist(), strict=True)
        file.executemany("insert or ignore into words values (?, ?)", part)
    file.execute("commit")
    file.execute("pragma wal_checkpoint(truncate)")
    file.close()


def folders(minted: Minted) -> None:
    """``audit --batch`` over a folder, by one process and by as many as there are processors."""
    from api.commands import now
    from api.home import Home
    from api.workflows.batch import Auditor, batch, files, processors, state
    from api.workflows.crew import Crew
    from api.workflows.journal import Journal

    inbox = minted.folder / "inbox"
    inbox.mkdir()
    for number in range(FILES):
        tag = b"TAG" + str(number).encode().ljust(125, b"\0")  # ID3v1: each is another file
        (inbox / f"{number:03}.mp3").write_bytes(minted.marked.read_bytes() + tag)
    settings = replace(minted.home.settings, passphrase=None)
    auditor = Auditor(settings, inbox, now)
    print(f"| {FILES} files of {SECONDS / 60:.0f} minutes | seconds | CPU seconds | processors in use |")
    print("|---|---:|---:|---:|")
    for workers in dict.fromkeys((1, 2, processors())):
        out = minted.folder / f"out of {workers}"
        out.mkdir()
        wall, before = time.perf_counter(), _spent()
        with (
            Journal(out / "journal.jsonl", state(Home(settings), auditor)) as journal,
            Crew(auditor, workers) as crew,
        ):
            tally = batch(auditor, list(files(inbox)), journal, crew)
        wall, spent = time.perf_counter() - wall, _spent() - before
        assert tally.ends == {"verified": FILES}, tally
        print(f"| {workers} at once | {wall:.1f} | {spent:.1f} | {spent / wall:.2f} |")
    print()


def _spent() -> float:
    """CPU seconds of this process and of its children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def audits(minted: Minted) -> None:
    """A verdict from end to end, with a bundle beside."""
    from api.workflows import bundling
    from api.workflows.audit import audit
    from api.workflows.evidence.hearing import Hearing
    from ledger import bundle

    out = minted.folder / "marked.bundle"
    bundling.write(minted.home, minted.marked, out, Hearing(), now=NOW)
    print("| three minutes of MP3 | verdict | seconds | CPU seconds |\n|---|---|---:|---:|")
    for name, run in (
        ("with its mark", lambda: audit(minted.home, minted.marked).verdict),
        (
            "without its mark: the index names it, and a search at other speeds follows",
            lambda: audit(minted.home, minted.unmarked).verdict,
        ),
        ("with its mark, from a bundle", lambda: bundling.read(out, minted.marked, Hearing()).verdict),
        (f"opening the bundle ({out.stat().st_size / 1e3:.0f} kB)", lambda: bundle.read(out) and "–"),
    ):
        said, wall, cpu = measured(run)
        print(f"| {name} | {said} | {wall:.3f} | {cpu:.3f} |")
    print()


def look_ups(minted: Minted, tracks: int) -> None:
    """Single questions to the index, and to the chain."""
    from api.workflows.evidence.hearing import Sound
    from ledger.address import Address
    from ledger.index import Index

    sound = Sound.load(minted.unmarked)
    words = sound.words()
    with minted.home.ledger() as ledger:
        place = ledger.contracts.deployment
        index = Index(minted.home.path / "index" / "tracks.sqlite", place.chain_id, place.tracks)
        (track,) = ledger.contracts.tracks()
        assert index.sounding_like(words)[0] == track.id
        print("| look-up | milliseconds |\n|---|---:|")
        for name, run in (
            ("by digest", lambda: index.by_audio(track.audio)),
            ("by watermark", lambda: index.by_watermark(track.id)),
            (f"by owner ({tracks // 1000:,} tracks)", lambda: index.by_owner(Address((7).to_bytes(20)))),
            (f"by sound ({len(words)} words)", lambda: index.sounding_like(words)),
            ("by digest, of the embedded chain", lambda: ledger.contracts.track_by_audio(track.audio)),
            ("by watermark, of the embedded chain", lambda: ledger.contracts.track(track.id)),
        ):
            _, wall, cpu = measured(run)
            print(f"| {name} | {1000 * wall:.2f} (CPU {1000 * cpu:.2f}) |")
        index.close()


def measured(run: Callable[[], object]) -> tuple[object, float, float]:
    """What it gives, and the medians of wall and CPU seconds, after one run that counts for nothing."""
    said, walls, cpus = run(), [], []
    for _ in range(RUNS):
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return said, statistics.median(walls), statistics.median(cpus)


if __name__ == "__main__":
    main()

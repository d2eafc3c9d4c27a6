"""How fast content is hashed, encrypted, stored, exported and read: each against what the system does alone.

    python benchmarks/content.py [--megabytes 2000] [--blocks 1000000] [--rounds 3] [--only PART] [--quick]

Makes its files below the system's temporary folder (about three times ``--megabytes``, and 4 kB a block) and removes
them. The parts of a round take turns, so that a machine that is busy for a while is busy for all of them; a ratio is
the median of the ratios within each round. Prints Markdown.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar, cast

if TYPE_CHECKING:
    from ledger.cid import Cid

T = TypeVar("T")

FILES = 20
"""Recordings: stereo, 16 bits, 44.1 kHz."""
READS = 3000
ONE, ALL = "`sha256sum`, one process", "`sha256sum`, a process on each core"
PASS, PCM, JUDGE, CODES, WHOLE = (
    "one pass: SHA-256, ciphertext, its CID and SHA-256, stored",
    "SHA-256 of the samples, 32 bits each",
    "decoding",
    "fingerprint",
    "`stemmata dataset add`, all of it",
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=2000, help="of WAV to register (2000)")
    parser.add_argument("--blocks", type=int, default=1_000_000, help="in the large store (1000000)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each (3)")
    parser.add_argument("--only", choices=("registering", "exporting", "reading"), help="one table alone")
    parser.add_argument("--quick", action="store_true", help="200 MB, 20000 blocks, one round: to try the program")
    asked = parser.parse_args()
    if asked.quick:
        asked.megabytes, asked.blocks, asked.rounds = 200, 20_000, 1
    with tempfile.TemporaryDirectory(prefix="stemmata-content-") as name:
        folder = Path(name)
        free = shutil.disk_usage(folder).free // 10**6
        if free < 4 * asked.megabytes + asked.blocks // 200:
            sys.exit(f"{folder}: {free} MB free; about {4 * asked.megabytes + asked.blocks // 200} are needed")
        cores = len(os.sched_getaffinity(0))
        print(f"Python {sys.version.split()[0]}, {cores} cores, load {os.getloadavg()[0]:.1f} at the beginning.\n")
        if asked.only != "reading":
            recordings = record(folder / "wav", asked.megabytes)
            if asked.only != "exporting":
                registering(folder, recordings, asked.rounds, cores)
            if asked.only != "registering":
                exporting(folder, recordings, asked.rounds)
        if asked.only in (None, "reading"):
            reading(folder / "large", asked.blocks, asked.rounds)
        print(f"\nLoad {os.getloadavg()[0]:.1f} at the end.")


def record(folder: Path, megabytes: int) -> list[Path]:
    """Noisy tones, so that nothing compresses and no two files are alike."""
    import numpy as np
    import soundfile

    folder.mkdir()
    frames = megabytes * 10**6 // FILES // 4
    pick = np.random.default_rng(1)
    noise = pick.integers(-3000, 3000, (frames, 2), dtype=np.int16)
    phase = np.arange(frames) / 44100 * 2 * np.pi
    paths = [folder / f"{number:02}.wav" for number in range(FILES)]
    for number, path in enumerate(paths):
        tone = (9000 * np.sin(phase * (110 + 17 * number))).astype(np.int16)
        soundfile.write(path, np.roll(noise, number * 1000, axis=0) + tone[:, None], 44100, subtype="PCM_16")
    os.sync()
    return paths


def registering(folder: Path, recordings: Sequence[Path], rounds: int, cores: int) -> None:
    """What the parts of a registration take, against sha256sum over the same files."""
    from gen.audio import examine
    from gen.fingerprint import fingerprint

    def at_once(work: Callable[[Path], object]) -> None:
        with ThreadPoolExecutor(cores) as pool:
            for _ in pool.map(work, recordings):
                pass

    wave = examine(recordings[0])  # all are of one length
    names = [str(path) for path in recordings]
    parts: dict[str, Callable[[], object]] = {
        ONE: lambda: run(["sha256sum", *names]),
        ALL: lambda: run(["xargs", "-P", str(cores), "-n", "1", "sha256sum"], "\n".join(names)),
        PASS: lambda: one_pass(folder / "store", recordings, cores),
        PCM: lambda: at_once(lambda path: wave.pcm_sha256()),
        JUDGE: lambda: at_once(examine),
        CODES: lambda: at_once(lambda path: fingerprint(wave).iscc),
        WHOLE: whole(folder, recordings[0].parent),
    }
    fingerprint(wave).iscc  # noqa: B018  (loads what loads at the first call)
    times, work = take_turns(
        parts, rounds, after=lambda: [shutil.rmtree(folder / name, True) for name in ("store", "home")]
    )
    size = sum(path.stat().st_size for path in recordings)
    print(f"## Registering {size / 1e9:.1f} GB of WAV in {len(recordings)} files\n")
    print(
        "| part | seconds | MB/s | CPU seconds | of `sha256sum`, one process | of one on each core | of its CPU time |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, taken in times.items():
        took = statistics.median(taken)
        ratios = f"{ratio(taken, times[ONE])} | {ratio(taken, times[ALL])} | {ratio(work[name], work[ONE])}"
        print(f"| {name} | {took:.1f} | {size / took / 1e6:.0f} | {statistics.median(work[name]):.1f} | {ratios} |")
    sums = [a + b for a, b in zip(times[PASS], times[PCM], strict=True)]
    works = [a + b for a, b in zip(work[PASS], work[PCM], strict=True)]
    print(
        f"\nThe one pass and SHA-256 of the samples, without decoding and fingerprint: {ratio(sums, times[ONE])} times "
        f"`sha256sum` in one process, {ratio(sums, times[ALL])} times one on each core (target: at most 4); "
        f"{ratio(works, work[ONE])} times its CPU time."
    )


def one_pass(where: Path, recordings: Sequence[Path], cores: int) -> list[Cid]:
    """What a registration does with each file beside decoding it; the ciphertexts' CIDs."""
    from ledger.encryption import DataKey, encrypting
    from ledger.hashing import HashedFile, keep
    from ledger.store import BlockStore

    store, key = BlockStore(where), DataKey.new()

    def take(path: Path) -> Cid:
        with path.open("rb") as source:
            plain = HashedFile(source)
            return keep(store, encrypting(cast(BinaryIO, plain), key, b"dataset:benchmark")).cid

    with ThreadPoolExecutor(cores) as pool:
        return list(pool.map(take, recordings))


def whole(folder: Path, source: Path) -> Callable[[], object]:
    """The workflow behind the command, in a home that is made before the clock runs, keys and contracts and all."""
    from api.home import Home
    from api.settings import Settings
    from api.workflows import datasets
    from ledger.keys import LocalSigner
    from ledger.records import Terms
    from ledger.vault import Vault

    passphrase, signer = "a benchmark's", LocalSigner.generate()
    new = Home(Settings(home=folder / "new", passphrase=passphrase))
    Vault.open(new.folder("vault"), passphrase, scrypt_n=2**12)
    with new.ledger() as ledger:
        new.fund(ledger, signer)

    def add() -> object:
        shutil.copytree(new.path, folder / "home")
        return datasets.add(
            Home(Settings(home=folder / "home", passphrase=passphrase)),
            source,
            title="Noise",
            license_="CC0-1.0",
            terms=Terms(price=0, royalty_ppm=0, uses=("train",)),
            signer=signer,
            now=lambda: datetime.now(UTC),
        )

    return add


def exporting(folder: Path, recordings: Sequence[Path], rounds: int) -> None:
    """An archive of everything just stored, against cat of as many bytes."""
    from ledger import car
    from ledger.store import BlockStore

    roots = one_pass(folder / "store", recordings, len(os.sched_getaffinity(0)))
    store, out = BlockStore(folder / "store"), folder / "out"

    def export() -> None:
        with out.open("wb") as target:
            car.export(store, roots, target)

    def cat() -> None:
        with out.open("wb") as target:
            subprocess.run(["cat", *map(str, recordings)], check=True, stdout=target)

    os.sync()  # neither shall wait for what the store has just been given
    times, _ = take_turns({"cat": cat, "car": export}, rounds, after=out.unlink)
    size = sum(path.stat().st_size for path in recordings)
    print(f"\n## Exporting {size / 1e9:.1f} GB as CAR, every block verified\n")
    print("| | seconds | MB/s |\n|---|---:|---:|")
    for name, label in (("cat", "`cat` of the recordings into a file"), ("car", "CAR export into a file")):
        took = statistics.median(times[name])
        print(f"| {label} | {took:.1f} | {size / took / 1e6:.0f} |")
    print(f"\nSpeed of the export: {ratio(times['cat'], times['car'])} of `cat` (target: at least 0.5).")
    shutil.rmtree(folder / "store")


def reading(where: Path, count: int, rounds: int) -> None:
    """A store of very many blocks: opening it, and reading one, against reading a plain file of the same folder."""
    from ledger.cid import Cid
    from ledger.store import BlockStore

    digests = fill(where, count)
    pick = random.Random(1)
    opening, ours, plain = [], [], []
    for _ in range(max(rounds, 5)):
        began = time.perf_counter()
        store = BlockStore(where)
        opening.append(time.perf_counter() - began)
        chosen = pick.sample(digests, min(READS, count))
        paths = [str(store.path(digest)) for digest in pick.sample(digests, len(chosen))]
        cids = [Cid.of_digest(digest) for digest in chosen]
        plain.append(each(paths, _read))
        ours.append(each(cids, store.get))
    print(f"\n## A store of {count} blocks\n\n| | time |\n|---|---:|")
    print(f"| opening the store | {statistics.median(opening) * 1000:.1f} ms (target: under 200 ms) |")
    print(f"| reading a block, verified | {statistics.median(ours) * 1e6:.0f} µs |")
    print(f"| reading a plain file | {statistics.median(plain) * 1e6:.0f} µs |")
    print(
        f"\nA block takes {ratio(ours, plain)} times a plain file (target: under 5), over {len(chosen)} reads a round."
    )


def fill(where: Path, count: int) -> list[bytes]:
    """Small blocks straight into their places; the store itself would take minutes to be sure of each."""
    digests, made = [], set()
    for number in range(count):
        block = b"block %d of a large store" % number
        digest = hashlib.sha256(block).digest()
        name = digest.hex()
        if name[:4] not in made:
            made.add(name[:4])
            (where / name[:2] / name[2:4]).mkdir(parents=True)
        with open(f"{where}/{name[:2]}/{name[2:4]}/{name}", "wb") as file:  # noqa: PTH123
            file.write(block)
        digests.append(digest)
    return digests


def _read(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123
        return file.read()


def each(items: Sequence[T], read: Callable[[T], bytes]) -> float:
    """Seconds for one of them, as the median."""
    taken = []
    for item in items:
        began = time.perf_counter()
        read(item)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def run(command: list[str], text: str = "") -> None:
    """A program of the system, its words thrown away."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, input=text.encode())


def take_turns(
    parts: dict[str, Callable[[], object]], rounds: int, after: Callable[[], object]
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds of each part in each round, and CPU seconds, which other work on the machine changes less.

    ``after`` cleans up after each.
    """
    times: dict[str, list[float]] = {name: [] for name in parts}
    work: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(rounds):
        for name, part in parts.items():
            began, worked = time.perf_counter(), cpu()
            part()
            times[name].append(time.perf_counter() - began)
            work[name].append(cpu() - worked)
            after()
    return times, work


def cpu() -> float:
    """CPU seconds of this process and of those it has waited for, in the system as well."""
    return sum(os.times()[:4])


def ratio(taken: Iterable[float], reference: Iterable[float]) -> str:
    """The median of the ratios within each round."""
    return f"{statistics.median(a / b for a, b in zip(taken, reference, strict=True)):.2f}"


if __name__ == "__main__":
    main()

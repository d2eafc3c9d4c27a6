#!/usr/bin/env python
"""Perform public-domain scores into recordings: what the instrument that comes with the package learns from.

Scores: the corpus inside the package music21 (`pip install music21 mido`), of composers who died long ago. An encoding
in which anybody claims a right is left out, and SOURCES.csv says why; it names and hashes each score that is used. (Two
of Monteverdi's madrigals name an edition of 2003. The other 47 name none, but may have been typed from it: he is here
for those who look into that themselves, and no part of the instrument that comes with the package.)
Sound: FluidSynth with the General MIDI soundfont FluidR3 (Debian's `fluidsynth` and `fluid-soundfont-gm`, MIT licence).

    python scripts/render_scores.py recordings --minutes 45

Each composer gets a folder with FLAC files and a labels.csv, ready for `stemmata dataset add`. The same scores,
versions and seed give the same sound. What is there already is kept, so a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mido

RATE = 44100
SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
_CLAIM = re.compile(r"©|copyright|licen[cs]e|\(c\)|rights reserved|used by permission", re.IGNORECASE)
_SHORTEST, _LONGEST = 20.0, 720.0
"""Seconds of a performance."""
_LONGEST_ECHO = 30.0
_SYNTHESISER = ("fluidsynth", "-ni", "-q", "-r", str(RATE), "-g", "0.5", "-T", "raw", "-O", "s16", "-E", "little")

# Ensembles as General MIDI programs from 0, highest voice first; a fifth voice begins again at the first.
STRINGS, CONSORT, WINDS = (40, 40, 41, 42), (48, 48, 48, 43), (73, 68, 71, 70)
PIANO, HARPSICHORD, ORGAN, CHOIR, BRASS = (0,), (6,), (19,), (52,), (56, 60, 57, 58)


@dataclass(frozen=True)
class Style:
    """A composer as one style: folder of the corpus, labels, and the ensembles that play the scores in turn."""

    name: str
    folder: str
    composer: str
    era: str
    genre: str
    region: str
    ensembles: tuple[tuple[int, ...], ...]


STYLES = (
    Style("bach", "bach", "Johann Sebastian Bach", "baroque", "chorale", "Saxony", (ORGAN, CHOIR, BRASS, HARPSICHORD)),
    Style("beethoven", "beethoven", "Ludwig van Beethoven", "classical", "quartet", "Vienna", (STRINGS, PIANO)),
    Style("haydn", "haydn", "Joseph Haydn", "classical", "quartet", "Vienna", (STRINGS, WINDS)),
    Style(
        "monteverdi", "monteverdi", "Claudio Monteverdi", "renaissance", "madrigal", "Italy", (CHOIR, CONSORT, ORGAN)
    ),
    Style("mozart", "mozart", "Wolfgang Amadeus Mozart", "classical", "quartet", "Vienna", (STRINGS, PIANO, WINDS)),
    Style("schumann", "schumann_robert", "Robert Schumann", "romantic", "quartet", "Saxony", (STRINGS, PIANO)),
)


@dataclass(frozen=True)
class Task:
    """One score to perform."""

    style: Style
    score: Path
    corpus: Path
    soundfont: Path
    target: Path
    seed: int


@dataclass(frozen=True)
class Performed:
    """What became of a score: seconds of sound, or why there is none."""

    task: Task
    seconds: float
    refused: str = ""


def main() -> None:
    options = _options()
    if shutil.which("fluidsynth") is None or not options.soundfont.exists():
        sys.exit("FluidSynth or its soundfont is missing; on Debian: apt install fluidsynth fluid-soundfont-gm")
    try:
        import mido  # noqa: F401
        import music21
    except ImportError:
        sys.exit("music21 or mido is missing; pip install music21 mido")
    corpus = Path(music21.__file__).parent / "corpus"
    with ProcessPoolExecutor(options.workers) as pool, _sources(options.out) as sources:
        for style in STYLES:
            if options.styles and style.name not in options.styles:
                continue
            folder = options.out / style.name
            folder.mkdir(parents=True, exist_ok=True)
            minutes, labels = 0.0, []
            tasks = [
                Task(
                    style,
                    score,
                    corpus,
                    options.soundfont,
                    folder / _file_name(score, corpus / style.folder),
                    options.seed,
                )
                for score in _in_seeded_order(corpus / style.folder, options.seed)
            ]
            for first in range(0, len(tasks), options.workers):
                for done in pool.map(_perform, tasks[first : first + options.workers]):
                    sources(done)
                    if not done.refused:
                        minutes += done.seconds / 60
                        labels.append(done.task)
                if minutes >= options.minutes:
                    break
            _write_labels(folder / "labels.csv", labels)
            print(f"{style.name:12} {len(labels):4} recordings, {minutes:.1f} min")


@contextmanager
def _sources(folder: Path) -> Iterator[Callable[[Performed], None]]:
    """SOURCES.csv of a folder, begun anew: gives what writes a line, which can be read at once."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "SOURCES.csv").open("w", newline="", encoding="utf-8", buffering=1) as file:
        writer = csv.DictWriter(file, ("style", "score", "sha256", "recording", "seconds", "left_out_because"))
        writer.writeheader()
        yield lambda done: writer.writerow(_row(done))


def _in_seeded_order(folder: Path, seed: int) -> list[Path]:
    scores = sorted(path for path in folder.rglob("*") if path.suffix in {".mxl", ".xml", ".musicxml", ".krn"})
    random.Random(f"{seed} {folder.name}").shuffle(scores)
    return scores


def _file_name(score: Path, folder: Path) -> str:
    return "-".join(score.relative_to(folder).with_suffix("").parts) + ".flac"


def _work(task: Task) -> str:
    """Movements of one quartet are one work, and so are versions of one chorale (bwv190.7 and bwv190.7-inst)."""
    inside = task.score.relative_to(task.corpus / task.style.folder)
    return f"{task.style.composer}: {inside.parts[0] if len(inside.parts) > 1 else re.split('[-_]', inside.stem)[0]}"


def _perform(task: Task) -> Performed:
    claim = next(_claims(task.score), None)
    if claim is not None:
        return Performed(task, 0.0, f"claims a right: {claim}")
    if not task.target.exists():
        try:
            with tempfile.TemporaryDirectory() as place:
                midi = Path(place) / "score.mid"
                _write_midi(task, midi)
                seconds = _seconds(midi)
                if not _SHORTEST <= seconds <= _LONGEST:
                    return Performed(task, 0.0, f"would last {seconds:.0f} s")
                _keep(_play(midi, task.soundfont, seconds + _LONGEST_ECHO), task.target)
        except Exception as error:  # a score that music21 cannot read is one score less
            return Performed(task, 0.0, f"cannot be performed: {type(error).__name__}: {error}"[:200])
    import soundfile

    about = soundfile.info(task.target)
    return Performed(task, about.frames / about.samplerate)


def _seconds(midi: Path) -> float:
    """Before it is played: a tempo that was misread makes hours of one page."""
    import mido

    return float(mido.MidiFile(midi).length)


def _play(midi: Path, soundfont: Path, most: float) -> bytes:
    """Perform a MIDI file: 16-bit samples of two channels. A note that never ends would sound for ever.

    Raises ValueError where more than `most` seconds come, or none.
    """
    limit = int(most * RATE) * 4
    command = [*_SYNTHESISER, "-F", "-", str(soundfont), str(midi)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as synthesiser:
        sound: bytes = synthesiser.stdout.read(limit + 1) if synthesiser.stdout else b""
        synthesiser.kill()
    if not 0 < len(sound) <= limit:
        raise ValueError("FluidSynth gives no sound" if not sound else f"sounds for more than {most:.0f} s")
    return sound


def _claims(score: Path) -> Iterator[str]:
    """Lines of a score that claim a right: MusicXML's rights and credits, Humdrum's reference records."""
    if score.suffix == ".mxl":
        with zipfile.ZipFile(score) as archive:
            names = [name for name in archive.namelist() if name.endswith("xml") and not name.startswith("META-INF")]
            text = archive.read(names[0]).decode("utf-8", "replace")
    else:
        text = score.read_text("utf-8", "replace")
    if score.suffix == ".krn":
        found = re.findall(r"^!!!Y\w*:(.*)$", text, re.MULTILINE)
    else:
        found = [line for line in re.findall(r"<rights[^>]*>(.*?)</rights>", text, re.DOTALL) if line.strip()]
        found += [line for line in re.findall(r"<credit-words[^>]*>([^<]*)<", text) if _CLAIM.search(line)]
    yield from (" ".join(line.split())[:100] for line in found)


def _write_midi(task: Task, target: Path) -> None:
    """The score with the ensemble's programs, a channel for each voice: on one, voices would end each other's notes."""
    import mido
    from music21 import converter

    score = converter.parse(task.score, forceSource=True)
    # Chord names above a staff are for readers; music21 would strike them.
    score.remove(list(score.recurse().getElementsByClass("Harmony")), recurse=True)
    score.write("midi", target)
    choice = hashlib.sha256(f"{task.seed} {task.target.name}".encode()).digest()[0]
    ensemble = task.style.ensembles[choice % len(task.style.ensembles)]
    piece = mido.MidiFile(target)
    voices = [track for track in piece.tracks if any(message.type == "note_on" for message in track)]
    for place, track in enumerate(voices):
        channel = place % 15
        channel += channel >= 9  # the tenth is for drums
        for message in track:
            if not message.is_meta:
                message.channel = channel
            if message.type == "program_change":
                message.program = ensemble[place % len(ensemble)]
        program = ensemble[place % len(ensemble)]
        track.insert(0, mido.Message("program_change", channel=channel, program=program, time=0))
    piece.tracks[:] = [_ending(track) for track in piece.tracks]
    piece.save(target)


def _ending(track: mido.MidiTrack) -> mido.MidiTrack:
    """The same without notes of no length: their end is written before their beginning, so they would never end."""
    import mido

    now, timed, ends, sounding = 0, [], set(), Counter[int]()
    for message in track:
        now += message.time
        if message.type == "note_on" and message.velocity > 0:
            if (now, message.note) in ends:
                ends.remove((now, message.note))
                continue
            sounding[message.note] += 1
        elif message.type in {"note_on", "note_off"}:
            if sounding[message.note] == 0:
                ends.add((now, message.note))
                continue
            sounding[message.note] -= 1
        timed.append((now, message))
    before = [0, *(time for time, _ in timed)]
    return mido.MidiTrack(message.copy(time=time - last) for (time, message), last in zip(timed, before, strict=False))


def _keep(sound: bytes, target: Path) -> None:
    """As FLAC, whole or not at all."""
    import numpy as np
    import soundfile

    beside = target.with_name(f".{target.name}")
    soundfile.write(beside, np.frombuffer(sound, "<i2").reshape(-1, 2), RATE, format="FLAC")
    beside.replace(target)


def _write_labels(target: Path, tasks: list[Task]) -> None:
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "composer", "work", "era", "genre", "region"))
        for task in sorted(tasks, key=lambda task: task.target.name):
            style = task.style
            writer.writerow((task.target.name, style.composer, _work(task), style.era, style.genre, style.region))


def _row(done: Performed) -> dict[str, str]:
    score = done.task.score
    return {
        "style": done.task.style.name,
        "score": score.relative_to(done.task.corpus).as_posix(),
        "sha256": hashlib.sha256(score.read_bytes()).hexdigest(),
        "recording": "" if done.refused else done.task.target.name,
        "seconds": "" if done.refused else f"{done.seconds:.1f}",
        "left_out_because": done.refused,
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder to write to")
    parser.add_argument("--minutes", type=float, default=45, help="of each composer, about (%(default)s)")
    parser.add_argument("--styles", nargs="+", choices=[style.name for style in STYLES], help="only these")
    parser.add_argument("--seed", type=int, default=1, help="decides order and ensembles (%(default)s)")
    parser.add_argument("--soundfont", type=Path, default=SOUNDFONT, help="%(default)s")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()

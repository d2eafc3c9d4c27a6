"""Recordings to portray, and all that a portrait says as one digest: whoever made it, it has to be the same."""

import hashlib
import json
import os
from pathlib import Path

from chords import chords

from gen.audio import save
from gen.engine import Outcome
from gen.stamps import Stamps


def recordings(folder: Path, count: int = 5, seconds: float = 3.0) -> list[Path]:
    """So many recordings that differ, and after the second one a file that is none."""
    paths = [folder / f"{number}.wav" for number in range(count)]
    for number, path in enumerate(paths):
        save(path, chords(seconds, seed=number + 1, noise=1e-3))
    broken = folder / "broken.wav"
    broken.write_bytes(b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00")
    return [*paths[:2], broken, *paths[2:]]


def digest(outcome: Outcome) -> str:
    """sha256 over the file's digest, findings, fingerprint, description and every bit of mel; or the error."""
    found = outcome.portrait
    if found is None:
        return f"{type(outcome.error).__name__}: {outcome.error}"
    said = json.dumps([found.findings, found.description.to_dict(), found.frames], sort_keys=True)
    mel = found.mel()
    parts = (found.digest, said.encode(), found.fingerprint.to_bytes(), repr(mel.shape).encode(), mel.tobytes())
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def descendants(pid: int) -> dict[int, str]:
    """The processes that a process started, and those that these did, by number, with their command lines."""
    found: dict[int, str] = {}
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        for child in (child for child, theirs in parents.items() if theirs == parent):
            waiting.append(child)
            try:
                found[child] = (Path("/proc") / str(child) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


class Deadly(Stamps):
    """Kills its process over one recording, so many times. Each time leaves a file beside the stamps."""

    def __init__(self, path: Path, name: str, times: int) -> None:
        super().__init__(path)
        self.name, self.times = name, times

    def sha256(self, path: Path) -> bytes:
        died = len(list(self.path.parent.glob("died-*")))
        if path.name == self.name and died < self.times:
            self.path.with_name(f"died-{died}").touch()
            os.kill(os.getpid(), 9)
        return super().sha256(path)

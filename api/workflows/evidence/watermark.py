"""The second witness: marks in the sound, under the public key and under private ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.evidence import Evidence
from ledger.findings import Finding, Status

if TYPE_CHECKING:
    from api.workflows.evidence.hearing import Hearing
    from gen.watermark.detect import Detection
    from gen.waveform import Waveform

PUBLIC = "public"
# What the detector follows without a search; nobody hears less.
LEAST_CHANGE = 0.005


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark, and whose key reads it: ``public``, or the name of a private one."""

    found: Detection
    key: str

    @property
    def name(self) -> str:
        """As findings call it."""
        return f"mark {self.found.id.hex()}" + ("" if self.key == PUBLIC else f" under {self.key}")

    @property
    def change(self) -> str | None:
        """Which check a changed speed belongs to: ``speed`` (both alike), ``tempo`` or ``pitch`` alone; None: none."""
        tempo, pitch = self.found.tempo, self.found.pitch
        if abs(tempo - 1) <= LEAST_CHANGE and abs(pitch - 1) <= LEAST_CHANGE:
            return None
        if abs(pitch - 1) <= LEAST_CHANGE:
            return "tempo"
        return "pitch" if abs(tempo - 1) <= LEAST_CHANGE else "speed"


@dataclass(frozen=True, slots=True)
class Listened:
    """The marks, by key and beginning, and under which keys the audio was not read to its end."""

    marks: tuple[Mark, ...]
    cut_short: tuple[str, ...] = ()


def listen(wave: Waveform, hearing: Hearing, *, search_speed: bool) -> Listened:
    """Listen under the public key and every private one."""
    from gen.watermark.mark import Watermark
    from gen.watermark.payload import PUBLIC_KEY

    keys = ((PUBLIC, PUBLIC_KEY), *hearing.keys)
    readings = [(name, Watermark(key).read(wave, search_speed=search_speed)) for name, key in keys]
    return Listened(
        tuple(Mark(found, name) for name, reading in readings for found in reading.marks),
        tuple(name for name, reading in readings if not reading.whole),
    )


def findings(listened: Listened, hearing: Hearing) -> list[Finding]:
    """What the detector says, before anybody looks anything up."""
    said = [Finding("watermark", Status.OK, mark.name, _seen(mark)) for mark in listened.marks]
    for name in listened.cut_short:
        rest = (
            f"too much was heard under {_key(name)} that says nothing: the rest was not read; audit parts of the file"
        )
        said.append(Finding("watermark", Status.NOTE, "audio", rest))
    for name in (PUBLIC, *(name for name, _ in hearing.keys)):
        if not any(mark.key == name for mark in listened.marks):
            none = f"no mark was found under {_key(name)}"
            if not hearing.search_speed:
                none += "; other speeds and pitches were not searched"
            said.append(Finding("watermark", Status.NOTE, "audio", none))
    return said


def evidence(mark: Mark, track: str | None) -> Evidence:
    """A mark as evidence for the track that it names, if one is known."""
    found = mark.found
    return Evidence(
        "watermark",
        track,
        f"{mark.name}: {_seen(mark)}",
        start=found.start,
        end=found.end,
        score=found.score,
        false_positive=found.false_positive,
        speed=found.tempo,
        pitch=found.pitch,
    )


def changed(mark: Mark, subject: str, *, by_ear: bool) -> list[Finding]:
    """A note where the audio is faster or higher than when it was marked. by_ear: the sound said the pitch."""
    if mark.change is None:
        return []
    factors = f"tempo x {mark.found.tempo:.4f}, pitch x {mark.found.pitch:.4f}"
    if by_ear:
        detail = f"{factors} of the track's, as its mark and sound say"
    else:
        detail = f"{factors} of the track's, as its mark says"
    return [Finding(mark.change, Status.NOTE, subject, detail)]


def _key(name: str) -> str:
    return "the public key" if name == PUBLIC else f"the private key {name}"


def _seen(mark: Mark) -> str:
    found = mark.found
    return (
        f"found from {found.start:.1f} s to {found.end:.1f} s, score {found.score:.1f}, "
        f"false with probability below {found.false_positive:.1e}"
    )

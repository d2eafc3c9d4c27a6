"""What speaks for a track in a piece of audio: one witness's word, with how far it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Layer = Literal["manifest", "watermark", "fingerprint", "digest"]
"""Which witness: signed metadata in the file, the mark in the sound, what it sounds like, its very bytes or samples."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One observation in the audited audio.

    Attributes:
        layer: the witness.
        track: claim of the track that it names, 64 hex digits; None where it names none that is known.
        detail: what was seen, in a sentence.
        start, end: which part of the audio it speaks of, in seconds; None for the whole.
        score: of a watermark, the correlation of its pilots in standard deviations of unmarked audio.
        false_positive: upper bound for the probability that chance alone said this.
        distance: of a fingerprint, the part of its bits that differ from the track's at the best place, 0 to 1 (chance
            is 0.5); 0 for a digest that is equal.
        speed, pitch: how much faster and higher than the track the audio is, as factors.
    """

    layer: Layer
    track: str | None
    detail: str
    start: float | None = None
    end: float | None = None
    score: float | None = None
    false_positive: float | None = None
    distance: float | None = None
    speed: float = 1.0
    pitch: float = 1.0

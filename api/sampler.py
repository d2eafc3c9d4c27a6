"""The settings of a generation as a claim holds them, so that whoever reads it can make the track again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.digest import Digest
from ledger.errors import MalformedRecord

if TYPE_CHECKING:
    from gen.request import GenerationRequest
    from gen.waveform import Waveform
    from ledger.records import Claim

WHOLE = 1_000_000
_WHOLE_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True)
class Sampler:
    """All that decides the samples, beside a claim's seed, style and length; what is not set is left out of the claim.

    temperature, nucleus: decimal texts. labels: a number for each field of labels, 0 unknown. primer: the digest of
    its samples. morph_seed, morph_style (ppm), morph_labels: where the music goes to. asked, variation, attempt: the
    seed that was asked for, and which of the seeds that follow from it the claim's own is; they decide nothing.
    """

    temperature: str = "1.0"
    nucleus: str | None = None
    beams: int = 1
    labels: tuple[int, ...] | None = None
    primer: Digest | None = None
    morph_seed: int | None = None
    morph_style: tuple[int, ...] | None = None
    morph_labels: tuple[int, ...] | None = None
    asked: int | None = None
    variation: int = 0
    attempt: int = 0

    def table(self) -> dict[str, str | int]:
        """As in the claim: two settings that make the same music are written in one way."""
        written: dict[str, str | int] = {"temperature": self.temperature}
        optional: dict[str, str | int | None] = {
            "nucleus": self.nucleus,
            "beams": None if self.beams == 1 else self.beams,
            "labels": _joined(self.labels),
            "primer": None if self.primer is None else str(self.primer),
            "morphSeed": self.morph_seed,
            "morphStyle": _joined(self.morph_style),
            "morphLabels": _joined(self.morph_labels),
            "asked": self.asked,
            "variation": self.variation or None,
            "attempt": self.attempt or None,
        }
        return written | {name: value for name, value in optional.items() if value is not None}

    @classmethod
    def read(cls, table: Mapping[str, str | int]) -> Sampler:
        """The inverse of `table`. Raises :class:`MalformedRecord` for a setting that this version does not know."""
        left = dict(table)
        found = cls(
            temperature=_text(left, "temperature") or "1.0",
            nucleus=_text(left, "nucleus"),
            beams=_number(left, "beams") or 1,
            labels=_numbers(left, "labels"),
            primer=_digest(left, "primer"),
            morph_seed=_number(left, "morphSeed"),
            morph_style=_numbers(left, "morphStyle"),
            morph_labels=_numbers(left, "morphLabels"),
            asked=_number(left, "asked"),
            variation=_number(left, "variation") or 0,
            attempt=_number(left, "attempt") or 0,
        )
        if left:
            raise MalformedRecord(f"sampler: {', '.join(sorted(left))}: this version knows no such setting")
        return found


def request_of(claim: Claim, primer: Waveform | None) -> GenerationRequest:
    """What a claim asks of its model. Generation and replay both go by this, and by nothing else.

    Raises :class:`MalformedRecord` for settings that this version does not know, and :class:`gen.errors.ConfigError`
    for such as make no sense.
    """
    from gen.errors import ConfigError
    from gen.request import GenerationRequest, Morph

    sampler = Sampler.read(claim.sampler)
    morph = None
    if (sampler.morph_seed, sampler.morph_style, sampler.morph_labels) != (None, None, None):
        morph = Morph(sampler.morph_seed, _shares(sampler.morph_style), sampler.morph_labels)
    try:
        temperature, nucleus = float(sampler.temperature), sampler.nucleus and float(sampler.nucleus)
    except ValueError:
        raise ConfigError("temperature and nucleus: must be decimal numbers") from None
    return GenerationRequest(
        frames=claim.frames,
        seed=claim.seed,
        style=_shares(claim.style),
        temperature=temperature,
        nucleus=nucleus or None,
        beams=sampler.beams,
        labels=sampler.labels,
        primer=primer,
        morph=morph,
    )


def _shares(ppm: tuple[int, ...] | None) -> tuple[float, ...] | None:
    return None if ppm is None else tuple(share / WHOLE for share in ppm)


def _joined(numbers: tuple[int, ...] | None) -> str | None:
    return None if numbers is None else ",".join(map(str, numbers))


def _text(table: dict[str, str | int], name: str) -> str | None:
    value = table.pop(name, None)
    if value is not None and not isinstance(value, str):
        raise MalformedRecord(f"sampler.{name}: expected a text, not {value!r}")
    return value


def _number(table: dict[str, str | int], name: str) -> int | None:
    value = table.pop(name, None)
    if value is not None and (not isinstance(value, int) or value < 0):
        raise MalformedRecord(f"sampler.{name}: expected a whole number, not {value!r}")
    return value


def _numbers(table: dict[str, str | int], name: str) -> tuple[int, ...] | None:
    text = _text(table, name)
    if text is None:
        return None
    parts = text.split(",")
    if not all(_WHOLE_NUMBER.fullmatch(part) for part in parts):
        raise MalformedRecord(f"sampler.{name}: expected whole numbers with commas between them, not {text!r}")
    return tuple(map(int, parts))


def _digest(table: dict[str, str | int], name: str) -> Digest | None:
    text = _text(table, name)
    return None if text is None else Digest.parse(text)

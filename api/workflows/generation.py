"""Generate tracks with a recorded model: who may, what is asked for, and which files come of it.

How one of them is made, `api.workflows.studio` says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from api.errors import UsageError
from api.home import Home, Ledger
from api.outputs import require_folder
from api.sampler import Sampler
from api.workflows import made_before, originality, rendering
from api.workflows.attempts import claims
from api.workflows.shares import shares_ppm
from api.workflows.studio import Studio
from ledger.digest import Digest

if TYPE_CHECKING:
    from api.workflows.studio import Hearing
    from gen.waveform import Waveform
    from ledger.address import Address
    from ledger.contracts import ModelEntry
    from ledger.keys import Signer
    from ledger.records import RepeatableTrackRecord, TrainingRunRecord

MAX_SECONDS = 3600
MOST_VARIATIONS = 100


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for beside length, seed and style.

    temperature, nucleus: decimal texts. labels: a number for each field. primer: music to go on from. morph_seed,
    morph_style (whole numbers, one per dataset), morph_labels: where the music goes to. limit: seconds of a training
    recording that may be repeated.
    """

    temperature: str = "1.0"
    nucleus: str | None = None
    beams: int = 1
    labels: tuple[int, ...] | None = None
    primer: Waveform | None = None
    morph_seed: int | None = None
    morph_style: tuple[int, ...] | None = None
    morph_labels: tuple[int, ...] | None = None
    limit: float = 5.0

    def __post_init__(self) -> None:
        """Raise :class:`UsageError` for a limit that is no number of seconds."""
        if not self.limit >= 0:  # nor is NaN
            raise UsageError(f"--repeat-limit {self.limit}: a number of seconds, 0 or more")


def generate(
    home: Home,
    model_id: int,
    *,
    seconds: float,
    seed: int,
    creator: Address,
    out: Path,
    now: Callable[[], datetime],
    style: Sequence[int] | None = None,
    wish: Wish | None = None,
    unlock: Callable[[], Signer] | None = None,
) -> RepeatableTrackRecord:
    """Generate ``seconds`` of audio into a 16-bit WAV file that carries the watermark of its claim.

    The claim holds everything that decides the samples (model, seed, style in ppm per dataset, length, sampler) and
    who made it where; the first 64 bits of its digest are the watermark id. So the same call gives the same file.
    ``unlock`` gives the creator's key, which weights that are sealed ask for. Returns the Track record, unsigned yet.
    """
    return variations(
        home,
        model_id,
        seconds=seconds,
        seed=seed,
        creator=creator,
        outs=[out],
        now=now,
        style=style,
        wish=wish or Wish(),
        unlock=unlock,
    )[0]


def variations(
    home: Home,
    model_id: int,
    *,
    seconds: float,
    seed: int,
    creator: Address,
    outs: Sequence[Path],
    now: Callable[[], datetime],
    style: Sequence[int] | None = None,
    wish: Wish,
    unlock: Callable[[], Signer] | None = None,
    done: Callable[[RepeatableTrackRecord, Path], None] = lambda record, path: None,
    before: Callable[[Path], None] = lambda path: None,
    hearing: Hearing = lambda path, claim: nullcontext(),
    device: str = "cpu",
) -> list[RepeatableTrackRecord]:
    """Generate a track for each file of ``outs``; the first has the seed itself, the others seeds that follow from it.

    Each is what its own seed alone gives, whatever is made beside it. ``done`` hears of each that is finished, and
    ``before`` of each that was there already; ``hearing`` is for whoever does not want to wait. ``device``: ``cpu``, or
    a GPU that renders, ``cuda`` or ``cuda:1``. Raises :class:`gen.errors.ConfigError` where that is not there,
    :class:`OutputExists` before anything is made where a file is there that this cannot be, and
    :class:`NothingOriginal` where everything that was made of one repeats a recording; those before it stay.
    """
    _check(seconds, outs)
    _require_device(device)
    for out in outs:
        made_before.drafted(home, out)
    from gen.config import RATE
    from ledger.errors import LicenseMissing
    from ledger.records import Claim

    with home.acting(creator) as ledger:
        entry = ledger.contracts.model(model_id)
        if not ledger.contracts.is_licensed("model", model_id, creator, "generate"):
            raise LicenseMissing(
                f"model {model_id}, use generate: {creator} is neither its owner nor licensed; "
                f"buy a license with: stemmata license buy {model_id} --model --use generate --key NAME"
            )
        record = _training_run(ledger, entry)
        known = originality.learned(ledger, record)
        deployment = ledger.contracts.deployment
    generator = rendering.open_generator(home, entry.id, record, unlock, now, device)
    count = len(record.datasets)
    claim = Claim(
        chain_id=deployment.chain_id,
        tracks=deployment.tracks,
        model=entry.id,
        weights=entry.weights,
        creator=creator,
        seed=seed,
        frames=round(seconds * RATE),
        rate=RATE,
        channels=generator.channels,
        style=_style(style, count, "--style"),
        sampler=_sampler(wish, count).table(),
    )
    there = [made_before.find(home, out, claims(claim, number), wish.limit, device) for number, out in enumerate(outs)]
    studio = Studio(home, generator, known, entry.record, wish.primer, wish.limit, now, device)
    made = []
    for variation, (out, same) in enumerate(zip(outs, there, strict=True)):
        exists = out.exists()
        made.append(same or studio.make(claims(claim, variation), out, hearing))
        if exists:
            before(out)
        done(made[-1], out)
    return made


def _require_device(device: str) -> None:
    """Raise :class:`gen.errors.ConfigError` where there is no such device, or it does not start."""
    if device != "cpu":
        from gen.training.processes import devices_for, start

        start(devices_for(1, device)[0])


def _check(seconds: float, outs: Sequence[Path]) -> None:
    if not 3 <= seconds <= MAX_SECONDS:
        raise UsageError(f"--seconds {seconds:g}: between 3 (a watermark needs that much) and {MAX_SECONDS}")
    if not 1 <= len(outs) <= MOST_VARIATIONS:
        raise UsageError(f"--variations {len(outs)}: between 1 and {MOST_VARIATIONS}")
    for out in outs:
        if out.suffix.lower() != ".wav":
            raise UsageError(f"--out {out}: the original is written as WAV; name it {out.with_suffix('.wav').name}")
        require_folder(out, "--out")


def _training_run(ledger: Ledger, entry: ModelEntry) -> TrainingRunRecord:
    from ledger.archive import fetch
    from ledger.records import TrainingRunRecord

    return fetch(ledger.store, TrainingRunRecord, entry.cid, entry.record, entry.trainer)


def _sampler(wish: Wish, count: int) -> Sampler:
    return Sampler(
        temperature=wish.temperature,
        nucleus=wish.nucleus,
        beams=wish.beams,
        labels=wish.labels,
        primer=None if wish.primer is None else Digest(wish.primer.pcm_sha256()),
        morph_seed=wish.morph_seed,
        morph_style=None if wish.morph_style is None else _style(wish.morph_style, count, "--morph style"),
        morph_labels=wish.morph_labels,
    )


def _style(style: Sequence[int] | None, count: int, option: str) -> tuple[int, ...]:
    """Style weights as ppm that sum to the whole; an even mix if none are given."""
    if style is None:
        return shares_ppm([1] * count)
    if len(style) != count or any(weight < 0 for weight in style) or not any(style):
        raise UsageError(f"{option}: give {count} whole numbers, one per dataset of the model, not all zero")
    return shares_ppm(style)

"""Jobs that make: train a model, generate tracks, mint one."""

# No postponed annotations: pydantic reads them.

import math
import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from api.home import Home
from api.service.kinds.kind import Context, File, Id, Kind, Limits, Number, Percent, Request

if TYPE_CHECKING:
    from api.workflows.styles import Style
    from gen.levelling import Heard
    from gen.preset import Preset
    from gen.training.loop import Progress
    from gen.waveform import Waveform
    from ledger.contracts.entries import SubjectKind
    from ledger.records import Claim, RepeatableTrackRecord

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")]
Mix = Annotated[dict[Annotated[str, StringConstraints(pattern=r"^\w{1,64}$")], int], Field(max_length=64)]
MOST_VARIATIONS: Final = 16
PRESETS: Final = "presets"
"""The folder of a home with presets of its keeper's, which may be asked for by name."""


class Train(Request):
    """Train a model on datasets that are licensed to the account, and record the run on chain."""

    kind: Literal["train"] = "train"
    datasets: tuple[Number, ...] = Field(min_length=1, max_length=100)
    preset: Name = Field(default="tiny", description="One of the package's, or of those that this service's home has.")
    seed: int = Field(default=0, ge=0, lt=2**32)
    royalty: Percent = Field(default="0", description="Part of a track's income for the model's holder.")
    seal: bool = Field(default=False, description="Store the weights encrypted.")

    def subjects(self) -> tuple[tuple["SubjectKind", int], ...]:
        """What is learnt from."""
        return tuple(("dataset", number) for number in self.datasets)


class Labelled(BaseModel):
    """A label by its number in one of the model's datasets."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: Number | None = None
    field: Literal["genre", "era", "artist", "composer", "work", "region"]
    number: int = Field(ge=1, lt=2**31)


class Generate(Request):
    """Generate tracks with a model, or with the instrument where none is named; the same request makes the same."""

    kind: Literal["generate"] = "generate"
    model: Number | None = Field(default=None, description="Left out: the instrument that comes with the package.")
    seconds: float = Field(default=30.0, ge=3, le=3600)
    seed: int = Field(default=0, ge=0, lt=2**53)
    style: Mix = Field(
        default_factory=dict,
        description="Weights of datasets, by number or a word of the title.",
        examples=[{"bach": 2}],
    )
    labels: tuple[Labelled, ...] = Field(default=(), max_length=32)
    temperature: float = Field(default=1.0, ge=0.05, le=5)
    top_p: float | None = Field(default=None, ge=1e-6, le=1)
    beams: int = Field(default=1, ge=1, le=64)
    primer: Id | None = Field(default=None, description="An upload with one file: the music to go on from.")
    morph_seed: int | None = Field(default=None, ge=0, lt=2**53)
    morph_style: Mix = Field(default_factory=dict)
    variations: int = Field(default=1, ge=1, le=MOST_VARIATIONS)
    repeat_limit: float = Field(default=5.0, ge=0, le=3600)

    def subjects(self) -> tuple[tuple["SubjectKind", int], ...]:
        """The model, unless it is the instrument."""
        return () if self.model is None else (("model", self.model),)

    @model_validator(mode="after")
    def _bounded(self) -> "Generate":
        if self.seconds * self.variations > 3600:
            raise ValueError("seconds times variations: at most an hour in one job")
        if any(weight < 0 or weight >= 10**15 for weight in (*self.style.values(), *self.morph_style.values())):
            raise ValueError("style: weights are whole numbers, 0 or more")
        return self


class Mint(Request):
    """Sign a manifest into a track that a job of the account generated, store it, and put it on chain."""

    kind: Literal["mint"] = "mint"
    job: Id = Field(description="The job that generated it.")
    file: File = Field(default="track-1.wav", examples=["track-1.wav"])
    royalty: Percent = Field(default="10", description="Part of each later sale's price (ERC-2981), in percent.")
    mining: Literal["allowed", "notAllowed"] = "notAllowed"


def _train(context: Context, asked: Train) -> dict[str, Any]:
    from api.amounts import percent_from_ppm, ppm_from_percent
    from api.workflows import training

    signer = context.signer()
    last = -1

    def progress(step: "Progress") -> None:
        nonlocal last
        if step.step * 100 // max(1, step.steps) != last or step.step == step.steps:  # a hundred events a phase do
            last = step.step * 100 // max(1, step.steps)
            phase = training.described(step).partition("\t")[0]
            content = {"phase": phase, "done": step.step, "total": step.steps, **_figures(step)}
            context.say("progress", content, topic=phase)

    done = training.train(
        context.home,
        asked.datasets,
        preset=_preset(context, asked.preset),
        seed=asked.seed,
        signer=signer,
        now=context.clock,
        asking=context.now,
        royalty_ppm=ppm_from_percent(asked.royalty, "royalty"),
        seal=asked.seal,
        progress=progress,
    )
    return {
        "model": done.entry.id,
        "weights": str(done.entry.weights),
        "record": str(done.entry.record),
        "cid": done.entry.cid,
        "datasets": [{"dataset": number, "share_ppm": share} for number, share in done.entry.datasets],
        "royalty": percent_from_ppm(done.entry.royalty_ppm),
        "metrics": done.metrics,
        "sealed": done.sealed,
        "already": done.already,
    }


def _figures(step: "Progress") -> dict[str, float]:
    """What a step of training tells besides: the loss, steps a second, and seconds that are left of the whole run."""
    told = {"loss": step.loss, "speed": step.speed, "left": step.eta_seconds}
    return {name: float(f"{value:.4g}") for name, value in told.items() if math.isfinite(value)}


def presets(home: Home) -> tuple[str, ...]:
    """The names of presets that a training may have: the package's, and the home's own."""
    from gen.preset import preset_names

    return (*preset_names(), *sorted(path.stem for path in (home.path / PRESETS).glob("*.yaml")))


def _preset(context: Context, name: str) -> "Preset":
    from gen.preset import load_preset, read_preset

    own = context.home.path / PRESETS / f"{name}.yaml"
    return read_preset(own) if own.is_file() else load_preset(name)


def _generate(context: Context, asked: Generate) -> dict[str, Any]:
    from api.service import previews
    from api.workflows import generation, instrument, model_labels

    previews.clear(context.folder)
    signer = context.signer()
    model = asked.model
    if model is None:
        model = instrument.ready(context.home, creator=signer.address, unlock=lambda: signer, now=context.now).model
    mixed, toward = _style("style", asked.style), _style("morph_style", asked.morph_style)
    with context.home.ledger() as ledger:
        labels = [model_labels.Asked(one.dataset, one.field, one.number) for one in asked.labels]
        wish = generation.Wish(
            temperature=repr(asked.temperature),
            nucleus=None if asked.top_p is None else repr(asked.top_p),
            beams=asked.beams,
            labels=model_labels.moved(ledger, model, labels) if labels else None,
            primer=None if asked.primer is None else _primer(context, asked.primer),
            morph_seed=asked.morph_seed,
            morph_style=None if toward is None else toward.of(ledger, model),
            limit=asked.repeat_limit,
        )
        weights = None if mixed is None else mixed.of(ledger, model)
    outs = [context.folder / f"track-{number + 1}.wav" for number in range(asked.variations)]
    finished: list[dict[str, Any]] = []

    def done(record: "RepeatableTrackRecord", path: Path) -> None:
        finished.append(_track(record, path.name, model))
        context.say("made", finished[-1], topic=path.name)
        context.progress("generating", len(finished), len(outs))

    def hearing(out: Path, claim: "Claim") -> "AbstractContextManager[Heard]":
        return previews.growing(out, claim, lambda: context.say("audible", {"file": out.name}, topic=f"of {out.name}"))

    context.progress("generating", 0, len(outs))
    generation.variations(
        context.home,
        model,
        seconds=asked.seconds,
        seed=asked.seed,
        creator=signer.address,
        outs=outs,
        now=context.now,
        style=weights,
        wish=wish,
        unlock=lambda: signer,
        done=done,
        hearing=hearing,
    )
    return {"model": model, "tracks": finished}


def _style(option: str, mix: dict[str, int]) -> "Style | None":
    from api.workflows.styles import Style

    return Style(option, mix) if mix else None


def _primer(context: Context, upload: str) -> "Waveform":
    from api.errors import UsageError
    from gen.audio import load
    from gen.confined import ConfinedDecoder

    files = sorted(path for path in (context.uploads / upload).rglob("*") if path.is_file())
    if len(files) != 1:
        raise UsageError(f"primer: an upload with one file, and this has {len(files)}")
    with ConfinedDecoder() as decoder:
        return load(files[0], decoder=decoder)


def _track(record: "RepeatableTrackRecord", name: str, model: int) -> dict[str, Any]:
    return {
        "file": name,
        "claim": str(record.claim.digest),
        "watermark": record.claim.watermark.hex(),
        "sha256": str(record.audio),
        "iscc": record.iscc,
        "seconds": record.claim.frames / record.claim.rate,
        "model": model,
        "seed": record.claim.seed,
        "originality": dict(record.making.originality),
    }


def _mint(context: Context, asked: Mint) -> dict[str, Any]:
    from api import certificates
    from api.amounts import percent_from_ppm, ppm_from_percent
    from api.errors import NoSuchThing
    from api.workflows import minting
    from ledger import credentials

    path = context.jobs / asked.job / asked.file
    if not re.fullmatch(r"track-[0-9]{1,2}\.wav", asked.file) or not path.is_file():
        raise NoSuchThing(f"job {asked.job} has made no file {asked.file!r}")
    done = minting.mint(
        context.home,
        path,
        signer=context.signer(),
        royalty_ppm=ppm_from_percent(asked.royalty, "royalty"),
        marking=minting.Marking(mining=asked.mining == "allowed"),
        now=context.now,
    )
    entry = done.entry
    manifest = credentials.read(path, certificates.trusted(context.home))
    return {
        "track": f"{entry.id:016x}",
        "claim": str(entry.claim),
        "sha256": str(entry.audio),
        "record": str(entry.record),
        "cid": entry.cid,
        "model": entry.model,
        "creator": str(entry.creator),
        "royalty": percent_from_ppm(entry.royalty_ppm),
        "manifest": None if manifest is None else manifest.state,
        "already": done.already,
    }


TRAIN = Kind("train", Train, _train, limits=Limits(7 * 24 * 3600.0, None), long=True)
GENERATE = Kind("generate", Generate, _generate, limits=Limits(4 * 3600.0, None), long=True)
MINT = Kind("mint", Mint, _mint)

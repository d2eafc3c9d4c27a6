"""One safetensors file that holds everything a generator needs. Nothing in it is ever executed.

Tensors are named "generator.*" and "vocoder.*", float32. The metadata holds one entry, "stemmata": canonical JSON with
the format's version, the preset, the names of the styles, the number of places, and that of labels field by field.
(safetensors writes several entries in an order of its own; one entry makes the file a function of its contents.)
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from gen.errors import CheckpointError, ConfigError
from gen.file import replacing
from gen.json_text import parse
from gen.models.backbone import Backbone, backbone_of
from gen.models.latent import latent_of
from gen.models.vocoder import Vocoder
from gen.models.vocoders import make_vocoder
from gen.preset import Preset

FORMAT = 1
MOST_HEADER = 1 << 20
"""Bytes of header that are read at most."""
MOST_BYTES = 1 << 33
MOST_STYLES = 1024
MOST_LABELS = 1 << 18
"""Numbers of labels in all fields, those for "unknown" among them."""
MOST_WIDTH = 1 << 14
_ENTRY = "stemmata"


@dataclass(frozen=True)
class Checkpoint:
    """The trained networks, the preset that made them, and the names of the datasets, in the order of style weights."""

    preset: Preset
    styles: tuple[str, ...]
    generator: Backbone
    vocoder: Vocoder


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write it whole or not at all. The same networks give the same bytes."""
    tensors = {
        f"{part}.{name}": tensor.detach().contiguous()
        for part, model in (("generator", checkpoint.generator), ("vocoder", checkpoint.vocoder))
        for name, tensor in model.state_dict().items()
    }
    about = {
        "codes": len(checkpoint.generator.places),
        "format": FORMAT,
        "labels": list(checkpoint.generator.label_sizes),
        "preset": checkpoint.preset.to_dict(),
        "styles": list(checkpoint.styles),
    }
    text = json.dumps(about, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    data = save(dict(sorted(tensors.items())), metadata={_ENTRY: text})
    with replacing(path, 0o600) as file:
        file.write(data)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read one. Raises CheckpointError, naming the file and what is wrong: absent, cut short, not ours, altered."""
    _check_header(path)
    try:
        with safe_open(path, framework="pt") as file:
            about = _about(path, file.metadata())
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: {error}; copy the weights again") from error
    preset, styles, codes, labels = about
    if widest(preset) > MOST_WIDTH:
        raise CheckpointError(f"{path}: its preset describes networks of more than {MOST_WIDTH} units a layer")
    _check_shapes(path, preset, len(styles), codes, labels, tensors)
    generator = backbone_of(preset.generator, latent_of(preset.latent, preset.rows), len(styles), codes, labels)
    vocoder = make_vocoder(preset.vocoder, preset.mel)
    for part, model in (("generator", generator), ("vocoder", vocoder)):
        _fill(path, part, model, tensors)
    if tensors:
        raise CheckpointError(f"{path}: holds tensors that do not belong there: {', '.join(sorted(tensors)[:3])}")
    return Checkpoint(preset, styles, generator.eval(), vocoder.eval())


def _check_header(path: Path) -> None:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}; give the path of a weights file") from error
    if size > MOST_BYTES:
        raise CheckpointError(f"{path}: {size} bytes; at most {MOST_BYTES} are read")
    if size < 10 or not 2 <= length <= min(size - 8, MOST_HEADER):
        raise CheckpointError(f"{path}: no safetensors header; it is no weights file, or was cut short")


def _about(path: Path, metadata: dict[str, str] | None) -> tuple[Preset, tuple[str, ...], int, tuple[int, ...]]:
    try:
        about: Any = parse((metadata or {})[_ENTRY])
        version = about["format"]
        if version != FORMAT:
            raise CheckpointError(f"{path}: format {version!r}; this version reads format {FORMAT}")
        preset, styles, codes = Preset.from_dict(about["preset"]), about["styles"], about["codes"]
        labels = about["labels"]
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: its metadata is not that of a generator; train one with this project"
        ) from error
    except ConfigError as error:
        raise CheckpointError(f"{path}: its preset is broken: {error}") from error
    if not isinstance(styles, list) or not all(isinstance(style, str) for style in styles):
        raise CheckpointError(f"{path}: styles: must be a list of names")
    if not 1 <= len(styles) <= MOST_STYLES:
        raise CheckpointError(f"{path}: styles: must be 1 to {MOST_STYLES} names, not {len(styles)}")
    if isinstance(codes, bool) or not isinstance(codes, int) or not 1 <= codes <= preset.generator.codes:
        raise CheckpointError(f"{path}: codes: must be between 1 and {preset.generator.codes}")
    if not isinstance(labels, list) or not all(type(size) is int and size >= 1 for size in labels):
        raise CheckpointError(f"{path}: labels: must be a list of numbers of at least 1")
    if sum(labels) > MOST_LABELS:
        raise CheckpointError(f"{path}: labels: at most {MOST_LABELS} in all")
    return preset, tuple(styles), codes, tuple(labels)


def widest(preset: Preset) -> int:
    """What grows with a preset's networks: more than MOST_WIDTH would take all memory before shapes are compared."""
    generator, vocoder = preset.generator, preset.vocoder
    return max(
        generator.hidden * max(4, generator.layers),
        generator.window,
        preset.latent.stack * preset.rows,
        preset.latent.channels * preset.latent.blocks,
        generator.codes,
        preset.latent.size + generator.noise_size,
        generator.style_size * generator.style_tokens,
        vocoder.channels,
        preset.mel.window,
        16 * preset.mel.bands,
        vocoder.phase_refinement,
        sum(vocoder.kernels) * sum(vocoder.dilations),
        64 * len(vocoder.kernels) * len(vocoder.dilations),
        64 * max(generator.layers, vocoder.blocks, preset.latent.blocks),
        64 * len(vocoder.upsample) * max((1, *vocoder.upsample)),
    )


def _check_shapes(
    path: Path, preset: Preset, styles: int, codes: int, labels: tuple[int, ...], tensors: dict[str, torch.Tensor]
) -> None:
    """Refuse networks that are larger than the file, before they take any memory."""
    made: dict[str, nn.Module] = {}
    with torch.device("meta"):
        latent = latent_of(preset.latent, preset.rows)
        made["generator"] = backbone_of(preset.generator, latent, styles, codes, labels)
        if preset.vocoder.kind != "hifigan":  # whose sizes the paper gives, and whose weight norm takes long there
            made["vocoder"] = make_vocoder(preset.vocoder, preset.mel)
    for part, model in made.items():
        for name, place in model.state_dict().items():
            _check_tensor(path, f"{part}.{name}", tensors.get(f"{part}.{name}"), place)


def _fill(path: Path, part: str, model: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    for name, place in model.state_dict().items():
        found = _check_tensor(path, f"{part}.{name}", tensors.pop(f"{part}.{name}", None), place)
        if not torch.isfinite(found).all():
            raise CheckpointError(f"{path}: {part}.{name}: holds NaN or infinity")
        place.copy_(found)


def _check_tensor(path: Path, name: str, found: torch.Tensor | None, place: torch.Tensor) -> torch.Tensor:
    if found is None:
        raise CheckpointError(f"{path}: {name}: missing")
    if found.shape != place.shape or found.dtype != place.dtype:
        expected = f"{place.dtype} {tuple(place.shape)}"
        raise CheckpointError(f"{path}: {name}: expected {expected}, not {found.dtype} {tuple(found.shape)}")
    return found

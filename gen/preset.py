"""Everything that decides what a training run does, as one frozen dataclass, and the presets in the package.

Nothing here imports torch.
"""

import dataclasses
import math
import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from gen.config import AugmentConfig, CleaningConfig, CorpusConfig, MelConfig, SegmentConfig, require
from gen.errors import ConfigError
from gen.file import open_regular, printable
from gen.models.config import GeneratorConfig, LatentConfig, TrainingConfig, VocoderConfig

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_MOST_BYTES = 1 << 16


@dataclass(frozen=True)
class Preset:
    """Everything that decides what a training run does, besides its data and its seed."""

    name: str
    mel: MelConfig = MelConfig()
    corpus: CorpusConfig = CorpusConfig()
    segment: SegmentConfig = SegmentConfig()
    cleaning: CleaningConfig = CleaningConfig()
    augment: AugmentConfig = AugmentConfig()
    latent: LatentConfig = LatentConfig()
    generator: GeneratorConfig = GeneratorConfig()
    vocoder: VocoderConfig = VocoderConfig()
    training: TrainingConfig = TrainingConfig()

    def __post_init__(self) -> None:
        require(bool(self.name), "name", "given")
        self.vocoder.check(self.mel)
        dimensions = self.latent.stack * self.rows
        require(self.latent.size <= dimensions, "latent.size", f"at most stack x numbers of a frame ({dimensions})")
        require(self.vocoder.segment >= 2 * self.mel.window, "vocoder.segment", "at least twice mel.window")

    @property
    def rows(self) -> int:
        """How many numbers a frame has."""
        return self.vocoder.rows(self.mel)

    @property
    def stack_samples(self) -> int:
        """Samples that one step of the generator stands for."""
        return self.latent.stack * self.mel.hop

    def to_dict(self) -> dict[str, Any]:
        """As plain dictionaries, lists, strings and numbers."""
        plain: dict[str, Any] = _plain(dataclasses.asdict(self))
        return plain

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Preset":
        """From what `to_dict` gave. Missing fields take their defaults.

        Raises ConfigError naming an unknown field, or one of the wrong type or out of range.
        """
        preset: Preset = _build(cls, values, "")
        return preset

    def flat(self) -> dict[str, str | int | bool]:
        """As one level, "generator.hidden" to 256; fractions and lists as text, so that records can hold it."""
        found: dict[str, str | int | bool] = {}
        for name, value in self.to_dict().items():
            if not isinstance(value, dict):
                found[name] = value
                continue
            for field, inner in value.items():
                found[f"{name}.{field}"] = (
                    inner
                    if isinstance(inner, str | int)
                    else ",".join(str(part) for part in inner)
                    if isinstance(inner, list)
                    else repr(inner)
                )
        return found


def preset_names() -> tuple[str, ...]:
    """The presets that come with the package, sorted."""
    folder = resources.files("gen") / "presets"
    return tuple(sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")))


@cache
def load_preset(name: str) -> Preset:
    """Read one of the presets that come with the package. Raises ConfigError if there is none, or it makes no sense."""
    import yaml

    if name not in preset_names():
        raise ConfigError(
            f"preset {name!r} is not known; choose one of: {', '.join(preset_names())}; a file ends in .yaml"
        )
    text = (resources.files("gen") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"preset {name}: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"preset {name}: must hold names and values")
    return Preset.from_dict({"name": name, **values})


def read_preset(path: Path) -> Preset:
    """Read a preset of one's own, named as its file is: YAML as those in the package, at most 64 KiB.

    `like: base` takes from that one whatever the file does not set; else the defaults hold. Raises UnreadableFile, and
    ConfigError naming the file, for a name that one in the package has, or for what makes no sense.
    """
    import yaml

    called = printable(path)
    if not _NAME.fullmatch(path.stem) or path.stem in preset_names():
        raise ConfigError(
            f"preset {called}: its name stands in every record of what it makes; choose one of letters, digits, - and "
            f"_, and none of {', '.join(preset_names())}"
        )
    with open_regular(path) as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ConfigError(f"preset {called}: more than {_MOST_BYTES} bytes; this is no preset")
    try:
        values = yaml.safe_load(data.decode())
        if not isinstance(values, dict):
            raise ConfigError("must hold names and values")
        like = values.pop("like", None)
        under = {} if like is None else load_preset(str(like)).to_dict()
        for name, inner in values.items():
            both = isinstance(inner, dict) and isinstance(under.get(name), dict)
            under[name] = {**under[name], **inner} if both else inner
        return Preset.from_dict({**under, "name": path.stem})
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"preset {called}: no YAML: {error}") from None
    except ConfigError as error:
        raise ConfigError(f"preset {called}: {error}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _build(kind: type, values: Any, path: str) -> Any:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{path or 'preset'}: must hold names and values, not {type(values).__name__}")
    hints = typing.get_type_hints(kind)
    for name in values:
        if name not in hints:
            raise ConfigError(f"{path}{name}: unknown; known are {', '.join(hints)}")
    read = {name: _read(hints[name], value, f"{path}{name}") for name, value in values.items()}
    try:
        return kind(**read)
    except TypeError as error:
        raise ConfigError(f"{path or 'preset'}: {error}") from error


def _read(hint: Any, value: Any, path: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _build(hint, value, f"{path}.")
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{path}: must be a list")
        return tuple(_read(typing.get_args(hint)[0], inner, path) for inner in value)
    if isinstance(value, bool) != (hint is bool) or not isinstance(value, (int, float) if hint is float else hint):
        raise ConfigError(f"{path}: must be of type {hint.__name__}, not {type(value).__name__}")
    if isinstance(value, int | float) and hint is float:
        number = float(value)
        if not math.isfinite(number):
            raise ConfigError(f"{path}: must be a finite number")
        return number
    return value

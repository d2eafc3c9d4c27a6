"""What can be set, as frozen dataclasses, and the presets that set it. Nothing here imports torch."""

import dataclasses
import math
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from gen.errors import ConfigError

RATE = 44100
"""Samples per second of all audio inside the models."""


def _require(holds: bool, name: str, rule: str) -> None:
    if not holds:
        raise ConfigError(f"{name}: must be {rule}")


@dataclass(frozen=True)
class MelConfig:
    """The time-frequency picture that generator and vocoder share.

    window and hop are samples at 44.1 kHz; bands is the number of mel bands between lowest and highest, in Hz.
    """

    window: int = 2048
    hop: int = 512
    bands: int = 128
    lowest: float = 30.0
    highest: float = 16000.0

    def __post_init__(self) -> None:
        _require(self.window >= 64 and self.window % 2 == 0, "mel.window", "an even number of at least 64 samples")
        _require(1 <= self.hop <= self.window // 2, "mel.hop", "between 1 and half of mel.window")
        _require(1 <= self.bands <= self.window // 2, "mel.bands", "between 1 and half of mel.window")
        _require(
            0 <= self.lowest < self.highest <= RATE / 2, "mel.lowest", f"below mel.highest, and that below {RATE / 2}"
        )


@dataclass(frozen=True)
class CorpusConfig:
    """How much of each style is looked at, and in which pieces.

    window: seconds of one window. most: seconds of a style that are used at most, whatever its size; windows are then
    drawn over all its recordings. loudness: what is used of a recording is brought to this RMS level, in dB below full
    scale. clean: whether recordings are cleaned before, as `cleaning` of the preset says.
    """

    window: float = 12.0
    most: float = 300.0
    loudness: float = -20.0
    clean: bool = True

    def __post_init__(self) -> None:
        _require(self.window > 0, "corpus.window", "more than 0 s")
        _require(self.most >= self.window, "corpus.most", "at least corpus.window")
        _require(-60 <= self.loudness <= 0, "corpus.loudness", "between -60 and 0 dB")


@dataclass(frozen=True)
class CleaningConfig:
    """What recordings are brought to before anything learns from them.

    lowest and highest: edges of the band that is kept, in Hz; lowest 0 keeps everything down to 0 Hz, highest 22050
    everything above. loudness: integrated, in LUFS. ceiling: the true peak that no gain may pass, in dBTP; a recording
    that would pass it stays quieter than `loudness`, since a limiter would change its sound.
    """

    lowest: float = 20.0
    highest: float = 20000.0
    loudness: float = -20.0
    ceiling: float = -1.0

    def __post_init__(self) -> None:
        _require(self.lowest == 0 or 1 <= self.lowest <= 1000, "cleaning.lowest", "0, or between 1 and 1000 Hz")
        _require(2000 <= self.highest <= RATE / 2, "cleaning.highest", f"between 2000 and {RATE / 2} Hz")
        _require(-60 <= self.loudness <= -5, "cleaning.loudness", "between -60 and -5 LUFS")
        _require(-20 <= self.ceiling <= 0, "cleaning.ceiling", "between -20 and 0 dBTP")


@dataclass(frozen=True)
class SegmentConfig:
    """How a recording is cut: windows of so many seconds, and which part of one it has in common with the next."""

    seconds: float = 7.5
    overlap: float = 0.0

    def __post_init__(self) -> None:
        _require(5 <= self.seconds <= 10, "segment.seconds", "between 5 and 10 s")
        _require(0 <= self.overlap <= 0.9, "segment.overlap", "between 0 and 0.9")


@dataclass(frozen=True)
class TileConfig:
    """hop: samples at 44.1 kHz from one frame of a tile to the next; two frames have to overlap everywhere."""

    hop: int = 128

    def __post_init__(self) -> None:
        _require(8 <= self.hop <= 128, "tile.hop", "between 8 and 128")


@dataclass(frozen=True)
class AugmentConfig:
    """How music to learn from is varied; all of it off by default. Music that a run is judged by never is.

    share: how many of the windows are shifted and stretched, 0 to 1. shift: by up to so many semitones either way.
    stretch: longer or shorter by up to this part. gain: louder or softer by up to so many dB. invert: whether half of
    them have their sign turned. noise: white noise in dB below full scale (RMS), 0 for none. copies: how many
    variations there are of each window; 0 for ever new ones where windows are drawn anew, and none where they are drawn
    once and for all.
    """

    share: float = 0.0
    shift: float = 0.0
    stretch: float = 0.0
    gain: float = 0.0
    invert: bool = False
    noise: float = 0.0
    copies: int = 0

    def __post_init__(self) -> None:
        _require(0 <= self.share <= 1, "augment.share", "between 0 and 1")
        _require(0 <= self.shift <= 12, "augment.shift", "between 0 and 12 semitones")
        _require(0 <= self.stretch <= 0.5, "augment.stretch", "between 0 and 0.5")
        _require(0 <= self.gain <= 24, "augment.gain", "between 0 and 24 dB")
        _require(self.noise == 0 or -120 <= self.noise <= -20, "augment.noise", "0, or between -120 and -20 dB")
        _require(0 <= self.copies <= 16, "augment.copies", "between 0 and 16")
        _require(
            self.share == 0 or self.shift > 0 or self.stretch > 0, "augment.share", "0 without a shift or a stretch"
        )

    @property
    def active(self) -> bool:
        """Whether it changes anything."""
        return self.share > 0 or self.gain > 0 or self.invert or self.noise < 0


@dataclass(frozen=True)
class GeneratorConfig:
    """The LSTM that writes mel frames, and how it is trained.

    It writes `stack` mel frames at a time, as a point with `latent` coordinates, near one of `codes` learned places.
    noise: standard deviation of what is added to its own past while learning, in units of a coordinate's own.
    steadiness: what a change of place costs, in units of the usual squared distance to a place: more, longer notes.
    adversarial and matching weigh the discriminator's two losses; free is the length of the free-running stretch (in
    stacks) that the discriminator hears every `free_every` steps, from step `free_from` on.
    """

    stack: int = 2
    latent: int = 64
    codes: int = 256
    hidden: int = 256
    layers: int = 1
    style_tokens: int = 4
    style_size: int = 32
    noise_size: int = 8
    dropout: float = 0.2
    noise: float = 0.3
    steadiness: float = 2.0
    steps: int = 180
    batch: int = 8
    length: int = 128
    learning_rate: float = 2e-3
    discriminator_channels: int = 64
    discriminator_learning_rate: float = 3e-4
    adversarial: float = 0.05
    matching: float = 0.5
    free: int = 24
    free_every: int = 5
    free_from: int = 60
    nucleus: float = 0.95

    def __post_init__(self) -> None:
        for name in ("stack", "latent", "codes", "hidden", "layers", "style_tokens", "style_size", "noise_size"):
            _require(getattr(self, name) >= 1, f"generator.{name}", "at least 1")
        for name in ("steps", "batch", "discriminator_channels", "free_every"):
            _require(getattr(self, name) >= 1, f"generator.{name}", "at least 1")
        _require(self.length >= 2, "generator.length", "at least 2")
        _require(2 <= self.free <= self.length, "generator.free", "between 2 and generator.length")
        _require(self.free_from >= 0, "generator.free_from", "at least 0")
        _require(0 <= self.dropout < 1, "generator.dropout", "at least 0 and below 1")
        _require(0 < self.nucleus <= 1, "generator.nucleus", "above 0 and at most 1")
        for name in ("noise", "steadiness", "adversarial", "matching"):
            _require(getattr(self, name) >= 0, f"generator.{name}", "at least 0")
        for name in ("learning_rate", "discriminator_learning_rate"):
            _require(getattr(self, name) > 0, f"generator.{name}", "above 0")


@dataclass(frozen=True)
class VocoderConfig:
    """The network that turns mel frames into samples, and how it is trained.

    upsample: factors of the transposed convolutions; their product divides mel.hop, and what is left is the hop of the
    inverse STFT. kernels and dilations shape the residual blocks (one kernel size and all dilations each).
    phase_refinement: Griffin-Lim iterations that start from the network's phase when rendering. segment: samples of
    one training example. adversarial 0 leaves the discriminators out.
    """

    channels: int = 128
    upsample: tuple[int, ...] = ()
    kernels: tuple[int, ...] = (3, 7)
    dilations: tuple[int, ...] = (1, 3)
    phase_refinement: int = 16
    steps: int = 60
    batch: int = 2
    segment: int = 65536
    learning_rate: float = 1e-3
    dither: float = 3e-4
    discriminator_channels: int = 16
    discriminator_learning_rate: float = 2e-4
    adversarial: float = 0.0
    matching: float = 2.0

    def __post_init__(self) -> None:
        for name in ("channels", "steps", "batch", "discriminator_channels"):
            _require(getattr(self, name) >= 1, f"vocoder.{name}", "at least 1")
        _require(all(factor >= 2 for factor in self.upsample), "vocoder.upsample", "a list of factors of at least 2")
        _require(
            len(self.kernels) > 0 and all(k % 2 == 1 for k in self.kernels), "vocoder.kernels", "a list of odd numbers"
        )
        _require(
            len(self.dilations) > 0 and all(d >= 1 for d in self.dilations),
            "vocoder.dilations",
            "numbers of at least 1",
        )
        _require(self.phase_refinement >= 0, "vocoder.phase_refinement", "at least 0")
        _require(self.segment >= 1, "vocoder.segment", "at least 1")
        for name in ("dither", "adversarial", "matching"):
            _require(getattr(self, name) >= 0, f"vocoder.{name}", "at least 0")
        for name in ("learning_rate", "discriminator_learning_rate"):
            _require(getattr(self, name) > 0, f"vocoder.{name}", "above 0")

    def head_hop(self, mel: MelConfig) -> int:
        """Samples between the frames of the inverse STFT. Raises ConfigError if the factors do not divide mel.hop."""
        hop = mel.hop
        for factor in self.upsample:
            _require(hop % factor == 0, "vocoder.upsample", f"factors whose product divides mel.hop ({mel.hop})")
            hop //= factor
        return hop


@dataclass(frozen=True)
class Preset:
    """Everything that decides what a training run does, besides its data and its seed."""

    name: str
    mel: MelConfig = MelConfig()
    corpus: CorpusConfig = CorpusConfig()
    cleaning: CleaningConfig = CleaningConfig()
    augment: AugmentConfig = AugmentConfig()
    generator: GeneratorConfig = GeneratorConfig()
    vocoder: VocoderConfig = VocoderConfig()

    def __post_init__(self) -> None:
        _require(bool(self.name), "name", "given")
        self.vocoder.head_hop(self.mel)
        dimensions = self.generator.stack * self.mel.bands
        _require(self.generator.latent <= dimensions, "generator.latent", f"at most stack x bands ({dimensions})")
        _require(self.vocoder.segment >= 2 * self.mel.window, "vocoder.segment", "at least twice mel.window")

    @property
    def stack_samples(self) -> int:
        """Samples that one step of the generator stands for."""
        return self.generator.stack * self.mel.hop

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
        raise ConfigError(f"preset {name!r} is not known; choose one of: {', '.join(preset_names())}")
    text = (resources.files("gen") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"preset {name}: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"preset {name}: must hold names and values")
    return Preset.from_dict({"name": name, **values})


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

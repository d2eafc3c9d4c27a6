"""What can be set about sound and data, as frozen dataclasses. Nothing here imports torch."""

from dataclasses import dataclass

from gen.errors import ConfigError

RATE = 44100
"""Samples per second of all audio inside the models."""


def require(holds: bool, name: str, rule: str) -> None:
    """Raise ConfigError, saying what the setting of this name must be, unless it holds."""
    if not holds:
        raise ConfigError(f"{name}: must be {rule}")


def require_least(settings: object, room: str, names: tuple[str, ...], least: int) -> None:
    """Raise ConfigError, naming the setting after its room, unless each of these is as large as this."""
    for name in names:
        require(getattr(settings, name) >= least, f"{room}.{name}", f"at least {least}")


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
        require(self.window >= 64 and self.window % 2 == 0, "mel.window", "an even number of at least 64 samples")
        require(1 <= self.hop <= self.window // 2, "mel.hop", "between 1 and half of mel.window")
        require(1 <= self.bands <= self.window // 2, "mel.bands", "between 1 and half of mel.window")
        require(
            0 <= self.lowest < self.highest <= RATE / 2, "mel.lowest", f"below mel.highest, and that below {RATE / 2}"
        )


@dataclass(frozen=True)
class CorpusConfig:
    """How much of each style is looked at, and at which level.

    most: seconds of a style that are used at most, whatever its size; windows are then drawn over all its recordings. 0
    for everything. loudness: what sounds of a recording is brought to this RMS level, in dB below full scale. clean:
    whether recordings are cleaned before, as `cleaning` of the preset says.
    """

    most: float = 300.0
    loudness: float = -20.0
    clean: bool = True

    def __post_init__(self) -> None:
        require(self.most >= 0, "corpus.most", "0 for everything, or more")
        require(-60 <= self.loudness <= 0, "corpus.loudness", "between -60 and 0 dB")


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
        require(self.lowest == 0 or 1 <= self.lowest <= 1000, "cleaning.lowest", "0, or between 1 and 1000 Hz")
        require(2000 <= self.highest <= RATE / 2, "cleaning.highest", f"between 2000 and {RATE / 2} Hz")
        require(-60 <= self.loudness <= -5, "cleaning.loudness", "between -60 and -5 LUFS")
        require(-20 <= self.ceiling <= 0, "cleaning.ceiling", "between -20 and 0 dBTP")


@dataclass(frozen=True)
class SegmentConfig:
    """How a recording is cut: windows of so many seconds, and which part of one it has in common with the next."""

    seconds: float = 7.5
    overlap: float = 0.0

    def __post_init__(self) -> None:
        require(5 <= self.seconds <= 10, "segment.seconds", "between 5 and 10 s")
        require(0 <= self.overlap <= 0.9, "segment.overlap", "between 0 and 0.9")


@dataclass(frozen=True)
class TileConfig:
    """hop: samples at 44.1 kHz from one frame of a tile to the next; two frames have to overlap everywhere."""

    hop: int = 128

    def __post_init__(self) -> None:
        require(8 <= self.hop <= 128, "tile.hop", "between 8 and 128")


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
        require(0 <= self.share <= 1, "augment.share", "between 0 and 1")
        require(0 <= self.shift <= 12, "augment.shift", "between 0 and 12 semitones")
        require(0 <= self.stretch <= 0.5, "augment.stretch", "between 0 and 0.5")
        require(0 <= self.gain <= 24, "augment.gain", "between 0 and 24 dB")
        require(self.noise == 0 or -120 <= self.noise <= -20, "augment.noise", "0, or between -120 and -20 dB")
        require(0 <= self.copies <= 16, "augment.copies", "between 0 and 16")
        require(
            self.share == 0 or self.shift > 0 or self.stretch > 0, "augment.share", "0 without a shift or a stretch"
        )

    @property
    def active(self) -> bool:
        """Whether it changes anything."""
        return self.share > 0 or self.gain > 0 or self.invert or self.noise < 0

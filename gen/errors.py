"""Everything that can go wrong in the generation core, as one tree.

GenError
├── AudioError                 a file is not usable as a recording
│   ├── UnreadableFile         missing, forbidden, or no regular file
│   ├── NotAudio               no decoder knows it
│   ├── CorruptAudio           a decoder knows it, and its data is broken
│   ├── EmptyAudio             no samples
│   ├── SilentAudio            samples, but nothing to hear
│   ├── NotFinite              NaN or infinity among the samples
│   ├── TooLong                more samples than we hold in memory
│   ├── TooExpensive           decoding it takes more memory or time than it may
│   ├── DecoderCrashed         it took the decoder down with it
│   ├── ChangedFile            somebody wrote to it while it was read
│   ├── RateTooLow             fewer samples per second than we accept
│   ├── RateTooHigh            more samples per second than any sound has
│   ├── TooManyChannels        neither mono nor stereo
│   └── UnknownFormat          nothing here writes such a file
├── CorpusError
│   ├── FolderNotReadable      the folder cannot be listed
│   └── NoRecordings           the folder holds no audio that can be used
├── LabelError                 a sidecar file with labels that cannot be read
├── CacheError
│   ├── CacheFull              an entry would take more bytes than the cache, or its disk, has
│   └── DamagedEntry           an entry's bytes are not those that were written
├── EngineError                an engine is not there, or its workers do not start or are not like us
├── ScoreError                 written music that does not add up, or uses signs we do not read
├── FingerprintError           bytes or text that are no fingerprint
├── ConfigError                a preset or setting that makes no sense
├── CheckpointError            a weights file that is not ours, or is broken
├── TrainingDiverged           a loss became NaN or infinite
├── MetricError                a measure that cannot be taken of this, or not here
├── StateError                 the saved state of a run is another run's, or is broken
├── TeamError                  one of several processes that train together failed
└── WatermarkError
    ├── TooShort               the audio cannot hold a whole mark
    └── WrongLength            a key or an id with the wrong number of bytes
"""

from collections.abc import Sequence


class GenError(Exception):
    """Root of the tree."""


class AudioError(GenError):
    """A file is not usable as a recording."""


class UnreadableFile(AudioError):
    """Missing, forbidden, or no regular file."""


class NotAudio(AudioError):
    """No decoder knows it."""


class CorruptAudio(AudioError):
    """A decoder knows it, and its data is broken."""


class EmptyAudio(AudioError):
    """No samples."""


class SilentAudio(AudioError):
    """Samples, but nothing to hear."""


class NotFinite(AudioError):
    """NaN or infinity among the samples."""


class TooLong(AudioError):
    """More samples than we hold in memory."""


class TooExpensive(AudioError):
    """Decoding it takes more memory or time than it may."""


class DecoderCrashed(AudioError):
    """It took the decoder down with it."""


class ChangedFile(AudioError):
    """Somebody wrote to it while it was read."""


class RateTooLow(AudioError):
    """Fewer samples per second than we accept."""


class RateTooHigh(AudioError):
    """More samples per second than any sound has."""


class TooManyChannels(AudioError):
    """Neither mono nor stereo."""


class UnknownFormat(AudioError):
    """Nothing here writes such a file."""


class CorpusError(GenError):
    """A folder of recordings cannot be used."""


class FolderNotReadable(CorpusError):
    """The folder cannot be listed."""


class NoRecordings(CorpusError):
    """The folder holds no audio that can be used."""


class LabelError(GenError):
    """A sidecar file with labels that cannot be read."""


class CacheError(GenError):
    """The cache of features cannot be used."""


class CacheFull(CacheError):
    """An entry would take more bytes than the cache, or its disk, has."""


class DamagedEntry(CacheError):
    """An entry's bytes are not those that were written."""


class EngineError(GenError):
    """An engine is not there, or its workers do not start or are not like us."""


class ScoreError(GenError):
    """Written music that does not add up, or uses signs we do not read."""


class FingerprintError(GenError):
    """Bytes or text that are no fingerprint."""


class ConfigError(GenError):
    """A preset or setting that makes no sense."""


class CheckpointError(GenError):
    """A weights file that is not ours, or is broken."""


class TrainingDiverged(GenError):
    """A loss became NaN or infinite. windows: names of those that the step was learning from."""

    def __init__(self, message: str, windows: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.windows = tuple(windows)


class StateError(GenError):
    """The saved state of a run is another run's, or is broken."""


class TeamError(GenError):
    """One of several processes that train together failed."""


class MetricError(GenError):
    """A measure that cannot be taken of this, or not here."""


class WatermarkError(GenError):
    """The watermark cannot be embedded or read."""


class TooShort(WatermarkError):
    """The audio cannot hold a whole mark."""


class WrongLength(WatermarkError):
    """A key or an id with the wrong number of bytes."""

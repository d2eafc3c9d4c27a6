"""How an audit listens, and what it hears before anybody looks anything up."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.digest import Digest

if TYPE_CHECKING:
    from gen.audio import Decoder
    from gen.fingerprint import Fingerprint
    from gen.waveform import Waveform


@dataclass(frozen=True, slots=True)
class Hearing:
    """What an audit is asked to do beside the usual.

    Attributes:
        search_speed: search for the mark at other speeds, tempos and pitches too, where none is found as it is.
        keys: private watermark keys to listen with as well, each after its name.
        trust: roots in PEM that signers of manifests, and their time stamps, may lead to.
    """

    search_speed: bool = False
    keys: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    trust: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Sound:
    """Audio in memory: where it lies, the digest of the file, its samples, and what it sounds like."""

    path: Path
    audio: Digest
    wave: Waveform
    codes: Fingerprint

    @classmethod
    def load(cls, path: Path, decoder: Decoder | None = None) -> Sound:
        """Read a file, in this process unless a decoder is given that has one of its own.

        Raises :class:`gen.errors.AudioError` for what is no audio, and OSError.
        """
        from gen.audio import load
        from gen.fingerprint import fingerprint

        wave = load(path) if decoder is None else load(path, decoder=decoder)
        return cls(path, Digest.of_file(path), wave, fingerprint(wave))

    def words(self) -> frozenset[int]:
        """The words by which it is looked up, of codes that begin at once, and half a step later."""
        from gen.fingerprint import STEP, fingerprint

        later = self.wave.excerpt(min(STEP / 2, self.wave.duration / 2), self.wave.duration)
        return self.codes.words | fingerprint(later).words

"""Make a track again from its record, and compare: whether it is what its record says that it is.

The record holds all that decides the samples, so on the machine class that made it, the same source makes the same
bits. Elsewhere rounding differs, and what was made again has to come within 60 dB of the original. What cannot be made
again for want of weights, a key, a primer, or the same source, is *unverifiable*; other sound under the very conditions
that the record names is *invalid*.
"""

from __future__ import annotations

import io
import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from api.errors import ApiError
from api.home import Home
from api.sampler import Sampler, request_of
from api.toolchain import code_digest
from api.workflows import rendering
from ledger.digest import Digest
from ledger.errors import LedgerError, Unverifiable
from ledger.findings import Finding, Status

if TYPE_CHECKING:
    from gen.waveform import Waveform
    from ledger.keys import Signer
    from ledger.lineage import TrackNode
    from ledger.records import RepeatableTrackRecord, TrackRecord, TrainingRunRecord

LEAST_SNR = 60.0
"""In dB: what another machine's rounding leaves between the original and what was made again."""
_CHECK = "replay"


@dataclass(frozen=True, slots=True)
class Replay:
    """What replays need: where weights lie, whose key opens sealed ones (None: nobody's), and the primer, if any."""

    home: Home
    now: Callable[[], datetime]
    unlock: Callable[[], Signer] | None = None
    primer: Waveform | None = None

    def __call__(self, node: TrackNode, audio: Waveform) -> Finding:
        """Make a track again. audio: what is audited, which may be the original or a copy of it."""
        from gen.errors import CheckpointError, ConfigError

        subject = f"track {node.entry.claim}"
        try:
            record = _repeatable(node.record)
            return self._compared(subject, record, self._made(record, node.model.record), audio)
        except ConfigError as error:
            return Finding(_CHECK, Status.INVALID, subject, f"its model cannot have made it: {error}")
        except ModuleNotFoundError as error:
            return _unable(subject, f"what generates is not installed ({error.name}): pip install '.[studio]'")
        except (LedgerError, ApiError, CheckpointError, OSError) as error:
            return _unable(subject, str(error))

    def _made(self, record: RepeatableTrackRecord, run: TrainingRunRecord | None) -> Waveform:
        """The samples of the track's file, made again."""
        from gen.audio import load
        from gen.config import RATE
        from gen.errors import ConfigError

        claim = record.claim
        if run is None:
            raise Unverifiable("the record of its model could not be read")
        request = request_of(claim, self._primer(Sampler.read(claim.sampler).primer))
        generator = rendering.open_generator(self.home, claim.model, run, self.unlock, self.now)
        if (claim.rate, claim.channels) != (RATE, generator.channels):
            raise ConfigError(f"{claim.channels} channels at {claim.rate} Hz are not what it makes")
        folder = self.home.folder("tmp")
        path = folder / f"{secrets.token_hex(8)}.wav"
        take, _ = generator.record(request, folder)
        try:
            rendering.write(path, take, claim)
            return load(path)
        finally:
            take.close()
            path.unlink(missing_ok=True)

    def _primer(self, wanted: Digest | None) -> Waveform | None:
        """The primer, if the track goes on from one."""
        if wanted is None:
            return None
        if self.primer is None or Digest(self.primer.pcm_sha256()) != wanted:
            given = "was not given" if self.primer is None else "is another one"
            raise Unverifiable(f"the primer that it goes on from {given}: --primer FILE, whose samples are {wanted}")
        return self.primer

    def _compared(self, subject: str, record: RepeatableTrackRecord, made: Waveform, audio: Waveform) -> Finding:
        from gen.repeatable import machine_class

        seed = record.claim.seed
        if made.pcm_sha256() == record.pcm.raw:
            return Finding(_CHECK, Status.OK, subject, f"made again from seed {seed}: the very samples, bit for bit")
        original = self._original(record, audio)
        snr = None if original is None else signal_to_noise(original, made)
        if snr is not None and snr >= LEAST_SNR:
            detail = f"made again from seed {seed}: the same but for rounding, {snr:.0f} dB below the music"
            return Finding(_CHECK, Status.OK, subject, detail)
        seen = "and the original is not at hand" if snr is None else f"only {snr:.0f} dB of it agree"
        code, machine = record.making.code == code_digest(), record.making.machine == machine_class()
        if code and machine:
            detail = f"made again from seed {seed}, on the same class of machine, it is other music: {seen}"
            return Finding(_CHECK, Status.INVALID, subject, detail)
        why = "another version of the source made it" if not code else f"it was made on {record.making.machine}"
        return _unable(subject, f"made again from seed {seed}, it is not the same: {seen}; but {why}")

    def _original(self, record: RepeatableTrackRecord, audio: Waveform) -> Waveform | None:
        """The samples that were minted: those that are audited, or those in the store; None without either."""
        from gen.audio import load
        from gen.errors import AudioError

        if audio.pcm_sha256() == record.pcm.raw:
            return audio
        try:
            stored = load(io.BytesIO(b"".join(self.home.store().read(record.content.cid))), name="the original")
        except (LedgerError, AudioError, OSError):
            return None
        return stored if stored.pcm_sha256() == record.pcm.raw else None


def signal_to_noise(original: Waveform, again: Waveform) -> float:
    """How far the difference lies below the original, in dB; -inf for another length, rate or number of channels."""
    import numpy as np

    if (original.rate, original.samples.shape) != (again.rate, again.samples.shape):
        return -math.inf
    signal = noise = 0.0
    for one, other in zip(original.samples, again.samples, strict=True):
        signal += float(np.square(one, dtype=np.float64).sum())
        noise += float(np.square(one - other, dtype=np.float64).sum())
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal > 0 else -math.inf


def _repeatable(record: TrackRecord | None) -> RepeatableTrackRecord:
    from ledger.records import RepeatableTrackRecord

    if record is None:
        raise Unverifiable("its record could not be read")
    if not isinstance(record, RepeatableTrackRecord):
        raise Unverifiable("its record does not say with what it was made")
    return record


def _unable(subject: str, why: str) -> Finding:
    return Finding(_CHECK, Status.UNVERIFIABLE, subject, why)

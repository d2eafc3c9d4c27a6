"""Where the tracks of one model are made: sound first, then its originality, then the mark, then the file.

What repeats too much of a training recording is refused, and made again with the next seed that follows from the one
asked for. The claim holds the seed that was used, so that each track can be made again alone.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from api import drafts
from api.errors import NothingOriginal
from api.home import Home
from api.sampler import request_of
from api.toolchain import code_digest
from api.workflows import made_before, originality, rendering
from api.workflows.attempts import ATTEMPTS
from api.workflows.shares import shares_ppm
from ledger.digest import Digest

if TYPE_CHECKING:
    from gen.fingerprint import Fingerprint
    from gen.generate import Generator
    from gen.levelling import Heard, Take
    from gen.waveform import Waveform
    from ledger.records import Claim, RepeatableTrackRecord

    Hearing = Callable[[Path, Claim], AbstractContextManager[Heard | None]]
    """Around each attempt at a file: who hears what is made of a claim. Without a file at the end, it was refused."""


@dataclass(frozen=True)
class Studio:
    """A model, ready to play, and what its tracks are held against.

    ``known``: what it learned from. ``model_record``: of its training. ``primer``: music to go on from. ``limit``:
    seconds of a training recording that may be repeated. ``device``: where it is rendered.
    """

    home: Home
    generator: Generator
    known: originality.Learned
    model_record: Digest
    primer: Waveform | None
    limit: float
    now: Callable[[], datetime]
    device: str

    def make(self, claims: Iterable[Claim], out: Path, hearing: Hearing) -> RepeatableTrackRecord:
        """Make what the first of the claims says that is original enough, into a file.

        Returns its Track record, unsigned yet. Raises :class:`NothingOriginal` where none of them is.
        """
        for attempt, claim in enumerate(claims):
            with hearing(out, claim) as heard:
                take, attention = self.generator.record(request_of(claim, self.primer), out.parent, heard)
                try:
                    measure = originality.measure(_heard(take), self.known)
                    seconds, recording = measure.most
                    if seconds <= self.limit:
                        return self._keep(take, claim, attention, measure.table(self.limit, attempt), out)
                finally:
                    take.close()
        raise NothingOriginal(
            f"{out}: each of {ATTEMPTS} attempts repeats more than {self.limit:g} s of a training recording, the last "
            f"one {seconds:.1f} s of {recording}; try a higher --temperature, another --seed or --style, or "
            "allow more with --repeat-limit"
        )

    def _keep(
        self, take: Take, claim: Claim, attention: Sequence[float], measure: dict[str, str | int], out: Path
    ) -> RepeatableTrackRecord:
        """Write the file, and what is known of it beside the drafts; neither without the other."""
        partial = out.with_name(f".{secrets.token_hex(8)}.part.wav")  # of this run alone, whoever else writes here
        try:
            written = rendering.write(partial, take, claim)
            draft = self._describe(partial, written, claim, attention, measure)
            signed = drafts.signed(self.home, draft.audio)
            if out.exists() and signed is not None and Digest.of_file(out) == signed.audio:
                return cast("RepeatableTrackRecord", signed)  # minted since, or about to be
            if out.exists() and Digest.of_file(out) != draft.audio:
                raise made_before.another(out)
            drafts.keep(self.home, draft)
            partial.replace(out)
        finally:
            partial.unlink(missing_ok=True)
        return draft

    def _describe(
        self,
        path: Path,
        written: rendering.Written,
        claim: Claim,
        attention: Sequence[float],
        measure: dict[str, str | int],
    ) -> RepeatableTrackRecord:
        """The Track record of a file: what is described is what the file holds, after rounding to 16 bits."""
        from gen.repeatable import machine_class
        from ledger import hashing
        from ledger.records import Making, RepeatableTrackRecord, timestamp

        content = hashing.name(path)  # stored when it is minted
        return RepeatableTrackRecord(
            claim=claim,
            audio=content.sha256,
            pcm=written.pcm,
            size=path.stat().st_size,
            iscc=written.codes.iscc,
            fingerprint=hashing.keep(self.home.store(), io.BytesIO(written.codes.to_bytes())),
            content=content,
            attention=shares_ppm([round(weight * 1_000_000) for weight in attention]),
            watermark=claim.watermark.hex(),
            royalty_ppm=0,  # asked for when it is minted
            model_record=self.model_record,
            created=timestamp(self.now()),
            making=Making(code_digest(), machine_class(self.device), measure),
        )


def _heard(take: Take) -> Fingerprint:
    from gen import chromaprint, harmony
    from gen.config import RATE
    from gen.fingerprint import Fingerprint

    sound, music = chromaprint.Listener(RATE), harmony.Listener(RATE)
    for block in take.blocks():
        mid = block.mean(axis=0)
        sound.add(mid)
        music.add(mid)
    return Fingerprint(sound.codes(), music.harmony())

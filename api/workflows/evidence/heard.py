"""All that was heard in a file, before anybody looks anything up; whoever looks up again need not listen again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from api.workflows.evidence import manifest, watermark
from api.workflows.evidence.hearing import Hearing, Sound
from api.workflows.evidence.layers import Telling, untold

if TYPE_CHECKING:
    from api.workflows.evidence.watermark import Mark
    from gen.audio import Decoder
    from ledger.credentials import Credential
    from ledger.findings import Finding


@dataclass(frozen=True)
class Heard:
    """The sound, its manifest if there is one, its marks, and the findings about these two."""

    sound: Sound
    hearing: Hearing
    credential: Credential | None
    marks: tuple[Mark, ...]
    findings: tuple[Finding, ...]

    @classmethod
    def listen(cls, path: Path, hearing: Hearing, *, decoder: Decoder | None = None, tell: Telling = untold) -> Heard:
        """Raises :class:`gen.errors.AudioError` for what is no audio, and OSError."""
        sound = Sound.load(path, decoder)
        tell("decoded", (), ())
        credential, said = manifest.read(sound, hearing)
        tell("manifest", said, ())
        listened = watermark.listen(sound.wave, hearing, search_speed=hearing.search_speed)
        marks, found = listened.marks, watermark.findings(listened, hearing)
        tell("watermark", found, tuple(watermark.evidence(mark, None) for mark in marks))
        return cls(sound, hearing, credential, marks, (*said, *found))

    @cached_property
    def at_any_speed(self) -> watermark.Listened:
        """The marks that a search at other speeds finds, where there were none."""
        if self.marks or self.hearing.search_speed:
            return watermark.Listened(self.marks)
        return watermark.listen(self.sound.wave, self.hearing, search_speed=True)

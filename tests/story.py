"""One whole way, told once for many tests: real chain, store, model, mark and signatures.

The model is as small as one can be and its music is bad; that does not matter here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from api.home import Home
from api.settings import Settings
from api.workflows import datasets, generation, licenses, minting, training
from api.workflows.audit import Audit, audit
from gen import instruments, score
from gen.audio import save
from gen.config import CorpusConfig, SegmentConfig
from gen.models.config import GeneratorConfig, LatentConfig, VocoderConfig
from gen.preset import Preset
from ledger.address import Address
from ledger.findings import Status
from ledger.keys import Signer
from ledger.records import Terms
from ledger.vault import Vault

PASSPHRASE = "open sesame"
TERMS = Terms(price=10**16, royalty_ppm=50_000, uses=("train",))
MICRO = Preset(
    name="micro",
    corpus=CorpusConfig(most=12.0),
    segment=SegmentConfig(5.0),
    latent=LatentConfig(size=16),
    generator=GeneratorConfig(codes=16, hidden=32, steps=6, batch=2, length=8, free=4, free_from=2),
    vocoder=VocoderConfig(channels=16, steps=2, batch=1, phase_refinement=4),
)


def now() -> datetime:
    return datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)


def new_home(settings: Settings) -> Home:
    """A home whose vault opens quickly."""
    home = Home(settings)
    Vault.open(home.folder("vault"), PASSPHRASE, scrypt_n=2**12)
    return home


def new_key(home: Home, name: str) -> Signer:
    home.keystore().new(name, PASSPHRASE, scrypt_n=2**12)
    return home.signer(name)


STUDY = """%abc-2.1
X:1
T:Study
C:Nobody
%%MIDI program 6
M:4/4
L:1/8
Q:1/4=120
K:{key}
[V:1] {bars} |]
"""
BARS = "CEGceGce | DFAdfAdf | G,B,DGBDGB | CEGceGce | A,CEAcEAc | D,^FAd^fAd^f"
LETTERS = "CDEFGAB"


def study(key: str) -> str:
    """The study in a major key without a sign in its name, as ABC."""

    def moved(note: re.Match[str]) -> str:
        letter, octaves = note[1], note[2].count(",")
        place = LETTERS.index(letter.upper()) + 7 * (letter.islower() - octaves) + LETTERS.index(key)
        octave, step = divmod(place, 7)
        return LETTERS[step] + "," * -octave if octave <= 0 else LETTERS[step].lower() + "'" * (octave - 1)

    return STUDY.format(key=key, bars=re.sub("([A-Ga-g])(,*)", moved, BARS))


def record_folder(folder: Path, *keys: str) -> Path:
    """A folder of recordings: fifteen seconds of harpsichord in each key."""
    folder.mkdir()
    sheet = folder.parent / "study.abc"
    for key in keys:
        sheet.write_text(study(key))
        save(folder / f"take in {key}.wav", instruments.render(score.read(sheet)))
    return folder


@dataclass(frozen=True)
class Story:
    """What one whole way left behind."""

    home: Home
    folder: Path
    creator: Signer
    model: int
    track: Path

    def audit(self, path: Path) -> Audit:
        return audit(self.home, path)

    def status(self, outcome: Audit, check: str) -> set[Status]:
        return {finding.status for finding in outcome.findings if finding.check == check}


def tell(folder: Path, settings: Settings, pay: Callable[[Address], None] = lambda account: None) -> Story:
    """Two holders register, carl buys, trains, generates twenty seconds with seed 5, and mints.

    ``pay`` gives an account the means to act on a network that is not our own.
    """
    home = new_home(settings)
    anna, ben, carl = (new_key(home, name) for name in ("anna", "ben", "carl"))
    for signer in (anna, ben, carl):
        pay(signer.address)
    ids = []
    for holder, keys in ((anna, ("C", "D")), (ben, ("F", "G"))):
        source = record_folder(folder / f"recordings in {keys[0]}", *keys)
        done = datasets.add(home, source, title="studies", license_="CC0-1.0", terms=TERMS, signer=holder, now=now)
        ids.append(done.entry.id)
    for dataset_id in ids:
        licenses.buy(home, "dataset", dataset_id, uses=("train",), signer=carl, now=now)
    trained = training.train(home, ids, preset=MICRO, seed=1, signer=carl, now=now)
    track = folder / "track.wav"
    generation.generate(home, trained.entry.id, seconds=20, seed=5, creator=carl.address, out=track, now=now)
    minting.mint(home, track, signer=carl)
    return Story(home, folder, carl, trained.entry.id, track)

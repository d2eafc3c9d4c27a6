"""The harmony of the recordings that an instrument learned from, where it was registered without.

By it the music of a track is compared with theirs (:mod:`gen.paraphrase`), as it is by fingerprints that have it. The
file lies beside the instrument's others and is no part of its records: it can be left out, and then they are compared
by their sound alone.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from api.errors import InstrumentDamaged
from ledger.digest import Digest

if TYPE_CHECKING:
    from gen.harmony import Harmony

HARMONIES = "harmonies.npz"


def write(recordings: Iterable[Path], wanted: set[Digest], folder: Path) -> int:
    """Hear those of these files whose SHA-256 is wanted, and write :data:`HARMONIES` into ``folder``; how many.

    Nothing is written where nothing is wanted. Raises what reading a recording raises.
    """
    import numpy as np

    from gen.audio import load
    from gen.harmony import harmony
    from ledger import file

    if not wanted:
        return 0
    digests = {path: Digest.of_file(path) for path in recordings}
    heard = {digest.raw: harmony(load(path).mono()).steps for path, digest in digests.items() if digest in wanted}
    data = io.BytesIO()
    np.savez_compressed(
        data,
        digests=np.frombuffer(b"".join(sorted(heard)), np.uint8).reshape(-1, 32),
        counts=np.array([len(heard[each]) for each in sorted(heard)], np.int64),
        steps=np.concatenate([heard[each] for each in sorted(heard)] or [np.zeros((0, 12), np.int8)]),
    )
    file.write(folder / HARMONIES, lambda out: out.write(data.getvalue()), mode=0o644)
    return len(heard)


def read(folder: Path | None) -> dict[Digest, Harmony]:
    """By the SHA-256 of each recording's file; empty where there is no such file. Raises :class:`InstrumentDamaged`."""
    import numpy as np

    from gen.errors import FingerprintError
    from gen.harmony import Harmony

    path = None if folder is None else folder / HARMONIES
    if path is None or not path.is_file():
        return {}
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as held:
            digests, counts, steps = held["digests"], held["counts"], held["steps"]
        parts = np.split(steps, np.cumsum(counts)[:-1])
        pairs = zip(digests, parts, strict=True)
        return {Digest(each.astype(np.uint8).tobytes()): Harmony(part) for each, part in pairs}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, FingerprintError) as error:
        raise InstrumentDamaged(f"{path}: {error}. Install the package again, or remove this file") from error

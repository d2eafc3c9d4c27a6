"""The harmony of an instrument's recordings, where fingerprints lack it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from chords import chords

from api.errors import InstrumentDamaged
from api.instrument import harmonies
from gen.audio import load, save
from gen.harmony import harmony
from ledger.digest import Digest


def test_what_is_wanted_is_written_and_read(tmp_path: Path) -> None:
    paths = [tmp_path / f"{seed}.wav" for seed in (1, 2, 3)]
    for seed, path in enumerate(paths):
        save(path, chords(2.0 + seed, seed))
    digests = [Digest.of_file(path) for path in paths]
    other = Digest.of(b"not there")
    assert harmonies.write(paths, {digests[0], digests[2], other}, tmp_path) == 2
    found = harmonies.read(tmp_path)
    assert set(found) == {digests[0], digests[2]}
    for place in (0, 2):
        assert found[digests[place]] == harmony(load(paths[place]).mono())


def test_nothing_wanted_nothing_written(tmp_path: Path) -> None:
    assert harmonies.write([tmp_path / "is not read.wav"], set(), tmp_path) == 0
    assert harmonies.read(tmp_path) == harmonies.read(None) == {}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["cut", "counts", "steps", "pickled"])
def test_a_damaged_file_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / harmonies.HARMONIES
    parts = {"digests": np.zeros((2, 32), np.uint8), "counts": np.array([1, 2]), "steps": np.zeros((3, 12), np.int8)}
    parts |= {
        "counts": {"counts": np.array([1, 1, 1])},
        "steps": {"steps": np.zeros((3, 11), np.int8)},
        "pickled": {"steps": np.array([{}], dtype=object)},
    }.get(damage, {})
    np.savez(path, **parts)  # type: ignore[arg-type]
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InstrumentDamaged, match=r"harmonies\.npz"):
        harmonies.read(tmp_path)

"""What counts as repeated, by the sound or by the music in it, and how the Track record has it."""

import numpy as np
import pytest

from api.workflows.originality import Learned, measure
from gen.fingerprint import Fingerprint
from gen.harmony import Harmony
from ledger.digest import Digest

FIRST, SECOND, THIRD = (Digest.of(name) for name in (b"first", b"second", b"third"))


def music(seed: int, steps: int = 120) -> Harmony:
    random = np.random.default_rng(seed)
    notes = np.repeat(random.normal(size=(steps // 2, 12)), 2, axis=0)
    return Harmony(np.rint(60 * (notes - notes.mean(axis=1, keepdims=True)).clip(-2, 2)).astype(np.int8))


def heard(seed: int, harmony: Harmony | None) -> Fingerprint:
    return Fingerprint(np.random.default_rng(seed).integers(0, 2**32, 480, dtype=np.uint32), harmony)


@pytest.fixture(scope="module")
def known() -> Learned:
    return Learned(((FIRST, heard(1, music(1))), (SECOND, heard(2, None)), (THIRD, heard(3, music(3)))), 1)


def test_music_in_another_key_is_repeated_though_its_sound_is_new(known: Learned) -> None:
    transposed = Harmony(np.roll(music(3).steps[20:80], 4, axis=1))
    found = measure(heard(9, transposed), known)
    assert found.longest == 0
    assert found.most == (30.0, THIRD)
    table = found.table(5, 2)
    assert table["likenessRecording"] == str(THIRD)
    assert (table["likenessSeconds"], table["likenessSemitones"], table["likenessTempo"]) == ("30.0", "4", "1")
    assert float(table["likeness"]) == pytest.approx(1, abs=0.01)
    assert (table["compared"], table["harmonies"], table["unread"], table["refused"]) == (3, 2, 1, 2)


def test_the_very_sound_is_repeated_whatever_is_known_of_its_harmony(known: Learned) -> None:
    found = measure(heard(2, music(9)), known)
    assert found.most[0] > 55
    assert found.most[1] == SECOND == found.recording
    assert found.paraphrase is not None
    assert found.paraphrase.seconds == 0


def test_fresh_music_repeats_nothing(known: Learned) -> None:
    found = measure(heard(9, music(9)), known)
    assert found.most == (0.0, None)
    assert 0 < float(found.table(5, 0)["likeness"]) < 0.78
    alone = measure(heard(9, None), known)
    assert alone.paraphrase is None
    assert "likeness" not in alone.table(5, 0)

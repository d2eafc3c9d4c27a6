"""How alike a piece must be to its track, by how long it is and what was done to it."""

import numpy as np
import pytest

from api.workflows.evidence.fingerprint import Piece
from gen.fingerprint import Alignment, Fingerprint

CODES = Fingerprint(np.ones(1, np.uint32))


@pytest.mark.parametrize(
    ("pitch", "likeness", "seconds", "agrees"),
    [
        (1.0, 0.66, 5.1, True),
        (1.0, 0.66, 4.9, False),
        (1.0, 0.77, 3.1, True),
        (1.0, 0.77, 2.9, False),
        (1.0, 0.6, 60.0, False),
        (1.06, 0.51, 15.1, True),
        (1.06, 0.51, 14.9, False),
        (1.06, 0.49, 60.0, False),
        (1.06, 0.87, 9.9, True),
        (1.06, 0.77, 3.1, True),
    ],
)
def test_a_piece_agrees_with_its_track(pitch: float, likeness: float, seconds: float, agrees: bool) -> None:
    piece = Piece(0.0, seconds, CODES, 1.0, pitch)
    assert piece.agrees(Alignment(likeness, 0.0, seconds)) is agrees

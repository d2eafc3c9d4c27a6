"""Fixtures shared by every room."""

from pathlib import Path

import pytest

VECTORS = Path(__file__).parent / "vectors"


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of test data made elsewhere."""
    return VECTORS

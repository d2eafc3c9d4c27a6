"""Fixtures shared by every room."""

import os
from pathlib import Path

import pytest

# Homes begin empty, in processes too that tests start: numbers of datasets and models count from 1.
os.environ["STEMMATA_INSTRUMENT"] = "off"
VECTORS = Path(__file__).parent / "vectors"


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of test data made elsewhere."""
    return VECTORS

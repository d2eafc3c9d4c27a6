"""Hashing on the way, held against sha256sum and against what a store computes alone."""

import io
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import hashing, unixfs
from ledger.digest import Digest
from ledger.hashing import HashedFile
from ledger.store import BlockStore


@given(st.binary(max_size=300), st.lists(st.integers(0, 100), max_size=8))
def test_what_passes_is_hashed_and_counted_once(content: bytes, sizes: list[int]) -> None:
    file = HashedFile(io.BytesIO(content))
    passed = b"".join(file.read(size) for size in sizes)
    assert (file.digest, file.size) == (Digest.of(passed), len(passed))
    buffered = io.BufferedReader(file, 16)
    assert passed + buffered.read() == content
    assert (file.digest, file.size) == (Digest.of(content), len(content))


@pytest.mark.parametrize("size", [0, 1, unixfs.CHUNK, unixfs.CHUNK + 1, 3 * unixfs.CHUNK])
def test_kept_or_only_named_content_is_called_the_same(tmp_path: Path, size: int) -> None:
    path, store = tmp_path / "content", BlockStore(tmp_path / "store")
    path.write_bytes(bytes(size))
    named, kept = hashing.name(path), hashing.keep(store, path)
    assert named == kept == hashing.keep(store, io.BytesIO(bytes(size)))
    assert kept.cid == store.add_file(path)
    assert kept.profile == "unixfs-v1-2025"
    assert Digest.of(store.read_bytes(kept.cid)) == kept.sha256


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum, of coreutils, is not here")
def test_sha256sum_alone_checks_what_lies_under_a_cid(tmp_path: Path) -> None:
    store = BlockStore(tmp_path / "store")
    kept = hashing.keep(store, io.BytesIO(b"recording" * 500_000))
    copy = tmp_path / "copy"
    copy.write_bytes(b"".join(store.read(kept.cid)))
    lines = f"{kept.sha256}  {copy}\n"
    done = subprocess.run(["sha256sum", "--check"], input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

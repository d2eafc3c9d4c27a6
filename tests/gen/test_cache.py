"""The cache of features: nothing twice, nothing wrong, nothing open that should be sealed, never too much."""

import hashlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as some

from gen import cache as module
from gen.cache import Cache
from gen.errors import CacheFull, DamagedEntry

LARGE = 1 << 40


class Aes:
    """AES-256-GCM, as a workflow would pass it."""

    def __init__(self, key: bytes) -> None:
        self.aes, self.salt = AESGCM(key), hashlib.sha256(b"salt" + key).digest()

    def seal(self, data: bytes, associated: bytes) -> bytes:
        nonce = os.urandom(12)
        return nonce + self.aes.encrypt(nonce, data, associated)

    def open(self, data: bytes, associated: bytes) -> bytes:
        try:
            return self.aes.decrypt(data[:12], data[12:], associated)
        except InvalidTag:
            raise ValueError("altered") from None


@pytest.fixture(params=[False, True], ids=["plain", "sealed"])
def cache(tmp_path, request):
    return Cache(tmp_path / "cache", LARGE, free=0, cipher=Aes(bytes(32)) if request.param else None)


def rows(count=5, seed=0, size=1000):
    return list(np.random.default_rng(seed).normal(size=(count, size // 10, 10)).astype(np.float32))


def key(cache, source=b"a", kind="mel", version=1, **settings):
    return cache.key(kind, source, {"hop": 512, **settings}, version)


def files(cache):
    return [path for path in cache.folder.rglob("*") if path.is_file()]


def test_what_was_stored_is_found_and_not_made_again(cache):
    made = rows()
    first = cache.obtain(key(cache), lambda: iter(made))
    again = cache.obtain(key(cache), lambda: pytest.fail("made again"))
    for found in (first, again):
        assert len(found) == 5
        assert all(np.array_equal(one, other) for one, other in zip(found, made, strict=True))
        assert found[-1].dtype == np.float32 and not found[0].flags.writeable
        with pytest.raises(IndexError):
            found[5]


def test_any_change_is_another_entry(cache):
    names = [
        key(cache),
        key(cache, source=b"b"),
        key(cache, kind="samples"),
        key(cache, version=2),
        key(cache, hop=256),
        key(cache, window=2048),
        key(cache, hop="512"),
        Cache(cache.folder, 1, cipher=Aes(bytes(31) + b"1")).key("mel", b"a", {"hop": 512}, 1),
    ]
    assert len(set(names)) == len(names)
    assert key(cache, a=1, b=2) == key(cache, b=2, a=1)
    for name in names[1:]:
        assert cache.find(name) is None


@settings(max_examples=30, deadline=None)
@given(
    some.arrays(
        st.sampled_from([np.float32, np.float64, np.uint8, np.int16, np.bool_]),
        some.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5).map(lambda shape: (3, *shape)),
    ),
    st.booleans(),
)
def test_rows_round_trip(tmp_path_factory, arrays, sealed):
    cache = Cache(tmp_path_factory.mktemp("c"), LARGE, free=0, cipher=Aes(bytes(32)) if sealed else None)
    found = cache.store(key(cache), arrays)
    for one, other in zip(found, arrays, strict=True):
        assert one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


@pytest.mark.slow
def test_every_damaged_byte_is_noticed_and_made_again(cache):
    made = [np.arange(24, dtype=np.float32) + row for row in range(3)]
    name = key(cache)
    cache.store(name, made)
    (path,) = files(cache)
    data = path.read_bytes()
    # Bytes between rows carry nothing.
    gaps = set() if cache.cipher else {byte for start in (96, 224) for byte in range(start, start + 32)}
    if cache.cipher:
        sealed = 24 * 4 + 28
        gaps = {byte for row in range(2) for byte in range(row * 128 + sealed, (row + 1) * 128)}
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        found = cache.find(name)
        noticed = found is None
        if found is not None:
            try:
                assert all(np.array_equal(one, other) for one, other in zip(found, made, strict=True))
            except DamagedEntry as error:
                assert name in str(error) and "row" in str(error)
                noticed = True
        assert noticed == (place not in gaps), place
        path.write_bytes(data)
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        assert cache.find(name) is None
        assert not path.exists()
    assert np.array_equal(cache.obtain(name, lambda: iter(made))[2], made[2])


def test_an_entry_under_anothers_name_is_damaged(cache):
    cache.store(key(cache), rows())
    cache.store(key(cache, source=b"b"), rows(seed=1))
    shutil.copy(cache._path(key(cache)), cache._path(key(cache, source=b"b")))
    assert cache.find(key(cache, source=b"b")) is None


def test_rows_cannot_be_exchanged_within_a_sealed_entry(tmp_path):
    cache = Cache(tmp_path, LARGE, free=0, cipher=Aes(bytes(32)))
    path = cache.store(key(cache), rows(2, size=1000)).path
    data = bytearray(path.read_bytes())
    size = 4000 + 28
    second = -(-size // 64) * 64
    data[:size], data[second : second + size] = data[second : second + size], data[:size]
    path.write_bytes(data)
    with pytest.raises(DamagedEntry, match="row 0"):
        cache.find(key(cache))[0]


def test_nothing_sealed_lies_open(tmp_path):
    cache = Cache(tmp_path, LARGE, free=0, cipher=Aes(bytes(32)))
    made = rows()
    found = cache.store(key(cache), made)
    data = found.path.read_bytes()
    assert not any(row.tobytes()[:64] in data for row in made)
    assert b"dtype" not in data
    maps = Path("/proc/self/maps").read_text().count(found.path.name)
    row = found[0]
    assert Path("/proc/self/maps").read_text().count(found.path.name) == maps and row.base is not None
    other = Cache(tmp_path, LARGE, free=0, cipher=Aes(b"1" * 32))
    assert other.find(key(other)) is None
    other._path(found.key).parent.mkdir(exist_ok=True)
    assert other.find(found.key) is None  # as damaged: there is nothing to be had from it


def test_rows_that_are_refused_leave_nothing(cache):
    for wrong, said in (
        ([], "there are none"),
        ([np.zeros(3), np.zeros(4)], "as the first one"),
        ([np.zeros(3), np.zeros(3, np.float32)], "as the first one"),
        ([np.array(["a"])], "plain numbers"),
        ([np.array([{}])], "plain numbers"),
        ([np.zeros(3, ">f4")], "little-endian"),
    ):
        with pytest.raises(ValueError, match=said):
            cache.store(key(cache), wrong)

    def broken():
        yield np.zeros(3)
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError):
        cache.obtain(key(cache), broken)
    assert files(cache) == []


def test_the_least_recently_used_goes_first(tmp_path):
    cache = Cache(tmp_path, 110_000, free=0)
    for number in range(5):
        path = cache.store(key(cache, number=number), rows(1, size=5000)).path
        os.utime(path, (number, number))
    cache.find(key(cache, number=0))
    cache.store(key(cache, number=5), rows(1, size=5000))
    kept = [number for number in range(6) if cache.find(key(cache, number=number)) is not None]
    assert kept == [0, 3, 4, 5]
    assert cache.size() <= 110_000


def test_the_size_is_bounded_over_many_entries(tmp_path):
    cache = Cache(tmp_path, 200_000, free=0)
    for number in range(60):
        cache.store(key(cache, number=number), rows(2, size=1000 + 50 * number))
        assert cache.size() <= 200_000
    assert cache.size() > 100_000


def test_a_reader_keeps_what_is_evicted(cache):
    made = rows()
    found = cache.store(key(cache), made)
    assert cache.evict(0) == 0
    assert cache.find(key(cache)) is None
    assert np.array_equal(found[3], made[3])


def test_an_entry_larger_than_the_cache_is_refused_by_name(tmp_path):
    cache = Cache(tmp_path / "c", 10_000, free=0)
    cache.store(key(cache, small=1), rows(1, size=100))
    with pytest.raises(CacheFull, match="10000 bytes"):
        cache.store(key(cache), rows(9, size=1000))
    assert len(files(cache)) <= 1


def test_the_disk_is_never_filled(tmp_path, monkeypatch):
    cache = Cache(tmp_path, LARGE, free=1 << 62)
    with pytest.raises(CacheFull, match="would be left"):
        cache.store(key(cache), rows())
    assert files(cache) == []
    # With old entries in the way, they go first.
    cache = Cache(tmp_path, LARGE, free=0)
    cache.store(key(cache, old=1), rows(5, size=10_000))

    def usage(folder):
        return shutil._ntuple_diskusage(10**6, 0, 10**6 - sum(path.stat().st_size for path in files(cache)))

    monkeypatch.setattr(module.shutil, "disk_usage", usage)
    cache.free = 700_000
    cache.store(key(cache, new=1), rows(5, size=10_000, seed=1))
    assert cache.find(key(cache, old=1)) is None and cache.find(key(cache, new=1)) is not None


def test_what_a_killed_process_left_behind_is_swept_and_harmless(tmp_path):
    program = (
        "import sys, numpy as np, pathlib\n"
        "from gen.cache import Cache\n"
        "cache = Cache(pathlib.Path(sys.argv[1]), 1 << 40, free=0)\n"
        "def slow():\n"
        "    for row in range(10**6):\n"
        "        yield np.zeros(1000)\n"
        "        print(row, flush=True)\n"
        "cache.store('ab' * 32, slow())\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    while process.stdout.readline().strip() != b"50":
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    cache = Cache(tmp_path, LARGE, free=0)
    (left,) = files(cache)
    assert left.name.endswith(".part")
    made = rows()
    assert np.array_equal(cache.obtain("ab" * 32, lambda: made)[0], made[0])
    cache.evict(LARGE)
    assert left.exists()  # it might still be written
    os.utime(left, (time.time() - 7200,) * 2)
    cache.evict(LARGE)
    assert files(cache) == [cache._path("ab" * 32)]


def _work(folder: str, number: int) -> bool:
    cache = Cache(Path(folder), 150_000, free=0)
    right = True
    for round_ in range(40):
        source = (round_ + number) % 7
        found = cache.obtain(key(cache, source=bytes([source])), lambda source=source: rows(3, seed=source, size=2000))
        right &= all(np.array_equal(a, b) for a, b in zip(found, rows(3, seed=source, size=2000), strict=True))
    return right


def test_several_processes_share_one_folder_while_it_is_too_small(tmp_path):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.starmap(_work, [(str(tmp_path), number) for number in range(2)]) == [True, True]
    assert all(not path.name.startswith(".") for path in tmp_path.rglob("*") if path.is_file())

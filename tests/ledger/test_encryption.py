import copy
import hashlib
import io
import itertools
import os
import pickle
import subprocess
import sys
import tracemalloc

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.encryption import DataKey, decrypt, decrypt_bytes, encrypt, encrypting
from ledger.errors import BlockMissing, DecryptionFailed, Malformed
from ledger.store import BlockStore

MIB = 1 << 20
KEY = DataKey(bytes(range(32)))
HEADER = 40  # its own length in one byte, 32 bytes of salt, 7 bytes of nonce


def seal(plaintext, key=KEY, asset=b"asset"):
    target = io.BytesIO()
    encrypt(io.BytesIO(plaintext), target, key, asset)
    return target.getvalue()


def unseal(ciphertext, key=KEY, asset=b"asset"):
    return decrypt_bytes(io.BytesIO(ciphertext), key, asset)


def segments(ciphertext):
    """The header, and the segments, of AES-GCM-HKDF streaming with segments of 1 MiB."""
    return [ciphertext[:HEADER], ciphertext[HEADER:MIB]] + [
        ciphertext[at : at + MIB] for at in range(MIB, len(ciphertext), MIB)
    ]


def decrypt_by_the_specification(ciphertext, secret, asset):
    """Another implementation, from Tink's wire format (AES-GCM-HKDF Streaming AEAD)."""
    header, *parts = segments(ciphertext)
    assert header[0] == HEADER
    salt, prefix = header[1:33], header[33:]
    cipher = AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=asset).derive(secret))
    last = len(parts) - 1
    return b"".join(
        cipher.decrypt(prefix + number.to_bytes(4, "big") + bytes([number == last]), part, b"")
        for number, part in enumerate(parts)
    )


@settings(deadline=None, max_examples=30)
@given(st.binary(max_size=500), st.binary(min_size=32, max_size=32), st.binary(max_size=80))
def test_what_goes_in_comes_out(plaintext, secret, asset):
    ciphertext = seal(plaintext, DataKey(secret), asset)
    assert unseal(ciphertext, DataKey(secret), asset) == plaintext
    assert decrypt_by_the_specification(ciphertext, secret, asset) == plaintext
    if len(plaintext) > 15:
        assert plaintext not in ciphertext


@pytest.mark.parametrize("size", [0, 1, MIB - HEADER - 16 - 1, MIB - HEADER - 16, MIB - HEADER - 15, MIB, 3 * MIB + 5])
def test_segment_borders(size):
    plaintext = os.urandom(size)
    ciphertext = seal(plaintext)
    assert unseal(ciphertext) == plaintext
    assert decrypt_by_the_specification(ciphertext, bytes(range(32)), b"asset") == plaintext
    assert len(ciphertext) == size + HEADER + 16 * (len(segments(ciphertext)) - 1)


def test_equal_plaintexts_have_different_ciphertexts():
    assert seal(b"same") != seal(b"same")


@pytest.mark.parametrize(
    "at", [0, 1, 32, 33, 39, 40, 1000, MIB - 17, MIB - 16, MIB - 1, MIB, MIB + 500, -17, -16, -1],
    ids=lambda at: f"byte {at}",
)  # fmt: skip
def test_any_altered_byte_is_found(at):
    ciphertext = bytearray(seal(bytes(MIB + 1000)))
    ciphertext[at] ^= 1
    with pytest.raises(DecryptionFailed, match="'asset' does not open"):
        unseal(bytes(ciphertext))


def test_missing_added_and_moved_bytes_are_found():
    ciphertext = seal(bytes(3 * MIB))
    header, one, two, three, four = segments(ciphertext)
    for altered in [
        b"",
        header,
        header[:-1],
        header + one,
        header + one + two,
        header + one + two + three,
        ciphertext[:-1],
        ciphertext + b"\0",
        ciphertext + four,
        ciphertext + ciphertext,
        header + one + three + two + four,
        header + one + one + two + three + four,
        header + two + one + three + four,
        seal(bytes(3 * MIB))[:HEADER] + ciphertext[HEADER:],
    ]:
        with pytest.raises(DecryptionFailed):
            unseal(altered)


def test_another_key_or_asset_does_not_open():
    ciphertext = seal(b"plaintext")
    with pytest.raises(DecryptionFailed):
        unseal(ciphertext, key=DataKey.new())
    for asset in (b"asse", b"asset\0", b"", b"other"):
        with pytest.raises(DecryptionFailed):
            unseal(ciphertext, asset=asset)


@given(st.binary(max_size=200))
def test_any_bytes_open_or_fail_by_name(ciphertext):
    with pytest.raises(DecryptionFailed):
        unseal(ciphertext)


def test_the_files_stay_open_for_their_owner():
    source, target = io.BytesIO(b"plaintext"), io.BytesIO()
    encrypt(source, target, KEY, b"asset")
    assert not source.closed
    target.seek(0)
    decrypt(target, io.BytesIO(), KEY, b"asset")
    assert not target.closed


class Broken(io.RawIOBase):
    """A disk that fails after so many calls."""

    def __init__(self, calls):
        self.calls = calls

    def readable(self):
        return True

    def writable(self):
        return True

    def call(self):
        self.calls -= 1
        if self.calls < 0:
            raise OSError("the disk is gone")

    def read(self, size=-1):
        self.call()
        return bytes(size)

    def write(self, data):
        self.call()
        return len(data)


@pytest.mark.parametrize("calls", [0, 1, 2])
def test_errors_of_a_file_come_through(calls):
    with pytest.raises(OSError, match="the disk is gone"):
        encrypt(Broken(calls), io.BytesIO(), KEY, b"asset")
    with pytest.raises(OSError, match="the disk is gone"):
        encrypt(io.BytesIO(bytes(3 * MIB)), Broken(calls), KEY, b"asset")
    with pytest.raises(OSError, match="the disk is gone"):
        decrypt(io.BytesIO(seal(bytes(4 * MIB))), Broken(calls), KEY, b"asset")


def test_errors_of_a_source_are_not_taken_for_a_wrong_key():
    with pytest.raises(OSError, match="the disk is gone"):
        decrypt(Broken(0), io.BytesIO(), KEY, b"asset")


def test_a_source_that_breaks_leaves_no_whole_ciphertext():
    target = io.BytesIO()
    with pytest.raises(OSError, match="the disk is gone"):
        encrypt(Broken(2), target, KEY, b"asset")
    with pytest.raises(DecryptionFailed):
        unseal(target.getvalue())


def test_from_file_to_store_and_back(tmp_path):
    store = BlockStore(tmp_path)
    plaintext = os.urandom(3 * MIB)
    cid = store.add_bytes(seal(plaintext))
    with store.open(cid) as source:
        assert decrypt_bytes(source, KEY, b"asset") == plaintext
    leaf = max((path for path in tmp_path.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    leaf.unlink()
    with store.open(cid) as source, pytest.raises(BlockMissing):
        decrypt_bytes(source, KEY, b"asset")


def test_memory_stays_constant():
    class Sink(io.RawIOBase):
        digest = hashlib.sha256()

        def write(self, data):
            self.digest.update(data)
            return len(data)

    with open("/dev/zero", "rb") as zeros, open(os.devnull, "wb") as nothing:  # noqa: PTH123

        class Some(io.RawIOBase):
            left = 64

            def read(self, size=-1):
                self.left -= 1
                return zeros.read(size) if self.left >= 0 else b""

        tracemalloc.start()
        try:
            encrypt(Some(), nothing, KEY, b"asset")
            assert tracemalloc.get_traced_memory()[1] < 16 * MIB
        finally:
            tracemalloc.stop()


FULL = """
import io, resource, sys
from pathlib import Path
from ledger import file
from ledger.encryption import DataKey, decrypt, encrypt
key, ciphertext = DataKey.new(), io.BytesIO()
encrypt(io.BytesIO(bytes(3 << 20)), ciphertext, key, b"asset")
ciphertext.seek(0)
resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, 2 << 20))
try:
    place = Path(sys.argv[1]) / "recording.wav"
    file.write(place, lambda target: decrypt(ciphertext, target, key, b"asset"))
except OSError as error:
    print(error.strerror)
"""


def test_a_full_disk_leaves_nothing(tmp_path):
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "File too large\n"
    assert list(tmp_path.iterdir()) == []


def test_a_data_key_shows_nothing_of_itself():
    secret = b"thirty-two bytes of a secret key"
    key = DataKey(secret)
    for shown in (repr(key), str(key), f"{key}", "%r" % [key]):
        assert shown in ("DataKey(...)", "[DataKey(...)]")
    for copier in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            copier(key)
    with pytest.raises(DecryptionFailed) as error:
        unseal(seal(b"x"), key=key)
    assert "secret" not in str(error.value)
    with pytest.raises(Malformed) as error:
        DataKey(secret + b"!")
    assert "secret" not in str(error.value)
    assert key.reveal() == secret


def test_data_keys_are_equal_by_their_secret_and_new_by_chance():
    assert DataKey(bytes(32)) == DataKey(bytes(32)) != DataKey(bytes(31) + b"\1")
    assert DataKey(bytes(32)) != bytes(32)
    assert DataKey.new() != DataKey.new()


@settings(deadline=None, max_examples=20)
@given(
    st.binary(max_size=500),
    st.sampled_from([0, MIB - 200, 2 * MIB + 5]),
    st.lists(st.integers(1 << 14, MIB + 7), min_size=1, max_size=4),
)
def test_what_is_encrypted_while_it_is_read_opens_like_any_other(beginning, more, sizes):
    plaintext = beginning + bytes(more)
    reading = encrypting(io.BytesIO(plaintext), KEY, b"asset")
    ciphertext = b""
    for size in itertools.cycle(sizes):
        piece = reading.read(size)
        ciphertext += piece
        if len(piece) < size:
            break
    assert reading.read(1) == b""
    assert len(ciphertext) == len(seal(plaintext))
    assert unseal(ciphertext) == plaintext == decrypt_by_the_specification(ciphertext, KEY.reveal(), b"asset")


def test_a_source_that_fails_while_it_is_read_says_so():
    class Failing(io.RawIOBase):
        left = 3

        def read(self, size=-1):
            self.left -= 1
            if self.left < 0:
                raise OSError(5, "Input/output error")
            return bytes(MIB)

    reading = encrypting(Failing(), KEY, b"asset")
    with pytest.raises(OSError, match="Input/output"):
        reading.read()


def test_encrypting_while_reading_takes_constant_memory():
    class Long(io.RawIOBase):
        left = 64

        def read(self, size=-1):
            self.left -= 1
            return bytes(MIB) if self.left >= 0 else b""

    reading = encrypting(Long(), KEY, b"asset")
    tracemalloc.start()
    try:
        while reading.read(MIB):
            pass
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()

"""Encryption of content, in constant memory, so that a beginning of it never passes for the whole."""

from __future__ import annotations

import contextlib
import hmac
import io
import secrets
from typing import Any, BinaryIO, NoReturn, cast

from ledger.errors import DecryptionFailed, Malformed

_PIECE = 1 << 20
_SEGMENT = 1 << 20
_KEY_TYPE = "type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey"


class DataKey:
    """The secret that encrypts one asset, 32 bytes. It never shows in ``repr``, ``str``, errors or pickles."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes):
        if len(secret) != 32:
            raise Malformed(f"a data key has 32 bytes, not {len(secret)}")
        self._secret = secret

    @classmethod
    def new(cls) -> DataKey:
        """A fresh key from the system's random source."""
        return cls(secrets.token_bytes(32))

    def reveal(self) -> bytes:
        """The 32 bytes themselves, for whoever wraps the key or hands it to a licensee."""
        return self._secret

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DataKey) and hmac.compare_digest(self._secret, other._secret)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "DataKey(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a data key is not pickled; keep it in a Vault")


def encrypt(source: BinaryIO, target: BinaryIO, key: DataKey, asset: bytes) -> None:
    """Encrypt ``source``, from where it stands to its end, into ``target``, in constant memory.

    Scheme: Tink's AES256_GCM_HKDF_1MB streaming AEAD, with ``asset`` as associated data: the ciphertext opens only
    for the asset it was made for. It is about 16 bytes a MiB longer than its plaintext, and differs at each call.
    Where ``source`` or ``target`` fails, its error comes through, and what was written is no whole ciphertext.
    """
    outlet = _Passage(target)
    stream = _primitive(key).new_encrypting_stream(outlet, asset)
    try:
        while piece := source.read(_PIECE):
            stream.write(piece)
        stream.close()
    except BaseException as error:
        fault = outlet.shut() or error
        with contextlib.suppress(Exception):
            stream.close()
        raise fault from None


def encrypting(source: BinaryIO, key: DataKey, asset: bytes) -> BinaryIO:
    """What :func:`encrypt` would write, as a file to read once, made while it is read: for who reads but once.

    What ``source`` raises comes through; what was read by then is no whole ciphertext.
    """
    return cast(BinaryIO, _Encrypting(source, key, asset))


def decrypt(source: BinaryIO, target: BinaryIO, key: DataKey, asset: bytes) -> None:
    """Decrypt what :func:`encrypt` wrote, from where ``source`` stands to its end, in constant memory.

    :class:`~ledger.errors.DecryptionFailed` where key or asset is another, or any byte was altered, cut off or
    appended; ``target`` then holds a beginning that must be thrown away.
    """
    from tink import TinkError

    inlet = _Passage(source)
    try:
        stream = _primitive(key).new_decrypting_stream(inlet, asset)
        while piece := stream.read(_PIECE):
            target.write(piece)
    except TinkError:
        fault = inlet.shut()
        if fault is not None:
            raise fault from None
        raise DecryptionFailed(
            f"the ciphertext of {asset.decode('utf-8', 'backslashreplace')!r} does not open: "
            "the key or the asset is another, or bytes were altered or are missing"
        ) from None


def decrypt_bytes(source: BinaryIO, key: DataKey, asset: bytes) -> bytes:
    """:func:`decrypt` into memory; nothing is returned unless all of it is authentic."""
    target = io.BytesIO()
    decrypt(source, target, key, asset)
    return target.getvalue()


class _Encrypting(io.RawIOBase):
    """Tink writes where we want to read: what it wrote waits here, a few MiB at most."""

    def __init__(self, source: BinaryIO, key: DataKey, asset: bytes):
        self._source = source
        self._made = bytearray()
        self._stream = _primitive(key).new_encrypting_stream(_Waiting(self._made), asset)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while not self._stream.closed and (size < 0 or len(self._made) < size):
            if piece := self._source.read(_PIECE):
                self._stream.write(piece)
            else:
                self._stream.close()
        some = bytes(self._made[:size] if size >= 0 else self._made)
        del self._made[: len(some)]
        return some

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        some = self.read(len(buffer))
        buffer[: len(some)] = some
        return len(some)


class _Waiting(io.RawIOBase):
    """Takes what is written to it to the end of some bytes."""

    def __init__(self, made: bytearray):
        self._made = made

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._made += data
        return len(data)


class _Passage(io.RawIOBase):
    """A file of ours in Tink's hands, who would close it, and would turn its errors into others."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._fault: Exception | None = None
        self._shut = False

    def shut(self) -> Exception | None:
        """Take nothing more, and tell what the file complained of."""
        self._shut = True
        return self._fault

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            return self._file.read(size)
        except Exception as error:
            self._fault = error
            raise

    def write(self, data: Any) -> int:
        if self._shut:
            return len(data)
        try:
            return self._file.write(data)
        except Exception as error:
            self._fault = error
            raise


def _primitive(key: DataKey) -> Any:
    """Tink's streaming AEAD for a key. The keyset exists in memory only; at rest a key is wrapped by the vault."""
    from tink import proto_keyset_format, secret_key_access, streaming_aead
    from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

    streaming_aead.register()
    streaming = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(
        key_value=key.reveal(),
        params=aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
            ciphertext_segment_size=_SEGMENT, derived_key_size=32, hkdf_hash_type=common_pb2.SHA256
        ),
    )
    data = tink_pb2.KeyData(
        type_url=_KEY_TYPE, value=streaming.SerializeToString(), key_material_type=tink_pb2.KeyData.SYMMETRIC
    )
    entry = tink_pb2.Keyset.Key(key_data=data, status=tink_pb2.ENABLED, key_id=1, output_prefix_type=tink_pb2.RAW)
    keyset = tink_pb2.Keyset(primary_key_id=1, key=[entry])
    handle = proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)
    return handle.primitive(streaming_aead.StreamingAead)

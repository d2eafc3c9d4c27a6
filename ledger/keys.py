"""Keys: who can sign, and the folder of encrypted files in which keys rest."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import threading
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, Protocol

from ledger.address import Address
from ledger.errors import BadKeyName, KeyDamaged, KeyExists, Malformed, WrongPassphrase
from ledger.keyfile import SCRYPT_N, KeyFile
from ledger.passphrase import octets

_SUFFIX = ".json"
_LONGEST_NAME = 200
# Joiners are format characters, yet Persian and the scripts of India need them to spell.
_JOINERS = "\u200c\u200d"


class Signer(Protocol):
    """Whoever can sign for an address. The key may be in this process, or far away in a KMS or HSM."""

    @property
    def address(self) -> Address:
        """The account that signs."""

    def sign_digest(self, digest: bytes) -> bytes:
        """65 bytes r, s, v over a 32-byte digest; v is 27 or 28, s in the lower half."""

    def sign_transaction(self, tx: Mapping[str, Any]) -> bytes:
        """The raw signed form of a transaction with all its fields filled in."""


class LocalSigner:
    """A key in this process. It shows itself by its address alone, and refuses to be pickled or copied."""

    __slots__ = ("_address", "_key")

    def __init__(self, secret: bytes) -> None:
        """Take the 32 bytes of a secp256k1 key. Raises :class:`Malformed`, silent about the bytes, if they are none."""
        from coincurve import PrivateKey
        from eth_utils.crypto import keccak

        if len(secret) != 32:
            raise Malformed(f"a private key has 32 bytes, not {len(secret)}")
        try:
            self._key = PrivateKey(secret)
        except ValueError:
            raise Malformed("a private key lies between 1 and the order of secp256k1") from None
        self._address = Address(keccak(self._key.public_key.format(compressed=False)[1:])[12:])

    @classmethod
    def generate(cls) -> LocalSigner:
        """A new random key."""
        from coincurve import PrivateKey

        return cls(PrivateKey().secret)

    @property
    def address(self) -> Address:
        """The account that signs."""
        return self._address

    def sign_digest(self, digest: bytes) -> bytes:
        """65 bytes r, s, v; the nonce follows RFC 6979, so one digest always gets the same signature."""
        if len(digest) != 32:
            raise Malformed(f"a digest to sign has 32 bytes, not {len(digest)}")
        signature: bytes = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([27 + signature[64]])

    def sign_transaction(self, tx: Mapping[str, Any]) -> bytes:
        """The raw signed transaction (EIP-155, 2930 or 1559, by its fields). :class:`Malformed` if one is missing."""
        from eth_account import Account

        try:
            return bytes(Account.sign_transaction(dict(tx), self._key.secret).raw_transaction)
        except (TypeError, ValueError) as error:
            raise Malformed(f"the transaction cannot be signed: {error}") from None

    def __repr__(self) -> str:
        return f"LocalSigner({self._address})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key does not leave its process")


class Keystore:
    """A folder of encrypted keys, ``<name>.json`` each, readable by their owner alone."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read or made until it is needed."""
        self._folder = folder
        self._unlocked: dict[bytes, _Unlocked] = {}
        # One scrypt at a time: each takes 256 MiB.
        self._opening = threading.Lock()

    def new(self, name: str, passphrase: str, *, scrypt_n: int = SCRYPT_N) -> Address:
        """Make a key and its file. Two processes that ask for the same name get one key: the other is told so.

        ``scrypt_n`` is scrypt's cost, a power of two. Raises :class:`BadKeyName`, :class:`KeyExists`, and
        :class:`WrongPassphrase` for an empty passphrase.
        """
        path = self._path(name)
        if not passphrase:
            raise WrongPassphrase("the passphrase is empty; the key would lie open")
        if path.exists():
            raise KeyExists(f"a key named {path.stem!r} exists in {self._folder}")
        signer = LocalSigner.generate()
        _make_private_folder(self._folder)
        word = octets(passphrase)
        _create(KeyFile.encrypt(path, signer._key.secret, signer.address, word, scrypt_n))
        return signer.address

    def has(self, name: str) -> bool:
        """Whether there is a key of that name. Raises :class:`BadKeyName`."""
        return self._path(name).exists()

    def names(self) -> tuple[str, ...]:
        """The names of all keys, sorted."""
        if not self._folder.is_dir():
            return ()
        return tuple(sorted(path.stem for path in self._folder.iterdir() if _is_key_file(path)))

    def address(self, name: str) -> Address:
        """The address that the key file states, read without a passphrase; :meth:`unlock` is what proves it."""
        return KeyFile.read(self._path(name)).address

    def unlock(self, name: str, passphrase: str) -> Signer:
        """Open a key. It is kept open in this object: the next time takes no second, but the right passphrase still.

        Raises :class:`KeyNotFound`, :class:`WrongPassphrase` (an altered file may look like it), and
        :class:`KeyDamaged` where the file is no key file, or opens to another address than it states.
        """
        file = KeyFile.read(self._path(name))
        word = octets(passphrase)
        # By content: a file that was replaced is opened anew.
        slot = hashlib.sha256(file.content).digest()
        with self._opening:
            known = self._unlocked.get(slot)
            if known is None:
                known = self._unlocked[slot] = _Unlocked(_open(file, word), word)
            elif not known.admits(word):
                raise WrongPassphrase(f"the passphrase does not open {file.path}")
            return known.signer

    def _path(self, name: str) -> Path:
        plain = unicodedata.normalize("NFC", name)
        _check_name(plain)
        return self._folder / f"{plain}{_SUFFIX}"


class _Unlocked:
    """An open key, and enough to tell whether a later caller knows its passphrase."""

    __slots__ = ("_salt", "_tag", "signer")

    def __init__(self, signer: Signer, word: bytes) -> None:
        self.signer = signer
        self._salt = secrets.token_bytes(32)
        self._tag = hmac.digest(self._salt, word, "sha256")

    def admits(self, word: bytes) -> bool:
        return hmac.compare_digest(self._tag, hmac.digest(self._salt, word, "sha256"))


def _check_name(name: str) -> None:
    if not name.strip():
        raise BadKeyName("a key needs a name")
    if name != name.strip() or name.startswith("."):
        raise BadKeyName(f"the key name {name!r} begins or ends with a space, or begins with a dot")
    for character in name:
        hidden = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in _JOINERS
        if hidden or character in "/\\":
            raise BadKeyName(f"the key name {name!r} holds {character!r}: no slashes or invisible characters, please")
    if len(name.encode()) > _LONGEST_NAME:
        raise BadKeyName(f"a key name has at most {_LONGEST_NAME} bytes of UTF-8; this one has {len(name.encode())}")


def _is_key_file(path: Path) -> bool:
    if path.suffix != _SUFFIX:
        return False
    try:
        _check_name(path.stem)
    except BadKeyName:
        return False
    return True


def _make_private_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_private_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def _open(file: KeyFile, passphrase: bytes) -> LocalSigner:
    stated = file.address
    try:
        signer = LocalSigner(file.decrypt(passphrase))
    except Malformed as error:
        raise KeyDamaged(f"{file.path} opens to no key: {error}") from None
    if signer.address != stated:
        raise KeyDamaged(f"{file.path} states the address {stated}, but opens to {signer.address}: it was altered")
    return signer


def _create(key: KeyFile) -> None:
    """Write a whole file or none, and never over another one."""
    path = key.path
    temporary = path.with_name(f".{secrets.token_hex(8)}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.content)
            file.flush()
            os.fsync(file.fileno())
        # Unlike a rename, a link fails where the name is taken.
        path.hardlink_to(temporary)
    except FileExistsError:
        raise KeyExists(f"a key named {path.stem!r} exists in {path.parent}") from None
    finally:
        temporary.unlink()
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)

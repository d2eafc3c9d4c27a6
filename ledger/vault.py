"""The vault: the keys of encrypted content, at rest."""

from __future__ import annotations

import hashlib
import json
import secrets
from pathlib import Path
from typing import Any

from ledger import canonical, file
from ledger.encryption import DataKey, decrypt, decrypt_bytes, encrypt
from ledger.errors import KeyDamaged, KeyExists, Malformed, NotFound, StoreFault, WrongPassphrase
from ledger.passphrase import lock, octets, unlock

__all__ = ["DataKey", "Vault", "decrypt", "decrypt_bytes", "encrypt"]

_VAULT_KEY_AAD = b"stemmata vault key v1"
_NOT_OURS = (KeyError, TypeError, ValueError, Malformed)


class Vault:
    """Data keys at rest in one folder, each wrapped with AES-256-GCM under the vault's own key.

    The vault's key lies in ``vault.json``, wrapped under scrypt (RFC 7914) of the passphrase; data keys lie in
    ``keys/``, in files named by the SHA-256 of their asset. Folders have mode 0700, files 0600. Associated data ties
    each wrapping to its place: a data key that is moved to another asset no longer opens.
    """

    def __init__(self, folder: Path, vault_key: DataKey):
        """Use :meth:`open`."""
        self.folder = folder
        self._keys = folder / "keys"
        self._vault_key = vault_key

    @classmethod
    def open(cls, folder: Path, passphrase: str, *, scrypt_n: int = 1 << 17) -> Vault:
        """Open the vault, or create it at the first time, with ``scrypt_n`` as scrypt's cost (a power of two).

        This takes half a second at the default cost, once; the object then keeps the vault's key in memory.
        Raises :class:`~ledger.errors.WrongPassphrase`, :class:`~ledger.errors.KeyDamaged` for a ``vault.json`` that
        is not ours, and :class:`~ledger.errors.StoreFault` where the folder cannot be written.
        """
        path = folder / "vault.json"
        if not path.exists():
            if not passphrase:
                raise WrongPassphrase("the passphrase is empty; the vault would lie open")
            _make_folder(folder)
            _make_folder(folder / "keys")
            if any((folder / "keys").iterdir()) and not path.exists():
                raise KeyDamaged(f"{path} is gone, and only it opens the keys beside it; restore it from a backup")
            _write_once(path, _new_vault(passphrase, scrypt_n))
        return cls(folder, _open_vault(path, passphrase))

    def put(self, asset: str, key: DataKey) -> None:
        """Keep a key. The same key again changes nothing; another one for this asset is refused.

        :class:`~ledger.errors.KeyExists` says so: what the first one encrypted would be lost.
        """
        wrapping = {"version": 1, "asset": asset, **_wrap(self._vault_key, key, _data_key_aad(asset))}
        _make_folder(self._keys)
        if not _write_once(self._path(asset), wrapping) and self.get(asset) != key:
            raise KeyExists(f"the vault holds another key for asset {asset!r}; without it, what it encrypted is lost")

    def get(self, asset: str) -> DataKey:
        """The key of an asset; :class:`~ledger.errors.NotFound` or :class:`~ledger.errors.KeyDamaged` if it is gone."""
        path = self._path(asset)
        try:
            wrapping = _read(path)
            if wrapping["version"] != 1 or wrapping["asset"] != asset:
                raise ValueError("another version or asset")
            key = _unwrap(self._vault_key, wrapping, _data_key_aad(asset))
        except FileNotFoundError:
            raise NotFound(f"the vault {self.folder} holds no key for asset {asset!r}") from None
        except _NOT_OURS:
            key = None
        if key is None:
            raise KeyDamaged(f"{path} is no longer the key of asset {asset!r}; restore the file from a backup")
        return key

    def holds(self, asset: str) -> bool:
        """Whether there is a key of an asset, be it damaged or not."""
        return self._path(asset).exists()

    @staticmethod
    def lies_in(folder: Path, asset: str) -> bool:
        """The same of a vault that nobody opens: what keys a folder holds is told without a passphrase."""
        return _file(folder / "keys", asset).exists()

    def erase(self, asset: str) -> bool:
        """Erase the key of an asset, for good; whether there was one. What it encrypted opens no more with this vault.

        The file is overwritten in place, flushed, and only then unlinked, so that an erasure that was cut short leaves
        no key either, and the next one goes on. What this cannot reach are copies: backups and snapshots of the
        folder, a journal, cells that an SSD has put aside. Each of them still needs the passphrase; one that holds this
        file and ``vault.json`` brings the key back with it. That there is so little to hunt down, 32 bytes instead of
        all that they encrypted, is why the key is erased and not the content.
        Raises :class:`~ledger.errors.StoreFault` where the disk refuses; the key may then be there as yet.
        """
        path = self._path(asset)
        try:
            file.shred(path)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StoreFault(f"{path} could not be erased: {error.strerror}; run it again") from error
        return True

    def __repr__(self) -> str:
        return f"Vault({str(self.folder)!r})"

    def _path(self, asset: str) -> Path:
        return _file(self._keys, asset)


def _file(keys: Path, asset: str) -> Path:
    return keys / f"{hashlib.sha256(asset.encode('utf-8')).hexdigest()}.json"


def _new_vault(passphrase: str, n: int) -> dict[str, Any]:
    return {"version": 1, **lock(DataKey.new().reveal(), octets(passphrase), _VAULT_KEY_AAD, n)}


def _open_vault(path: Path, passphrase: str) -> DataKey:
    try:
        wrapping = _read(path)
        if wrapping["version"] != 1:
            raise ValueError("another version")
        secret = unlock(wrapping, octets(passphrase), _VAULT_KEY_AAD)
        key = None if secret is None else DataKey(secret)
    except _NOT_OURS:
        raise KeyDamaged(f"{path} is not a vault of version 1, or was damaged; restore it from a backup") from None
    if key is None:
        raise WrongPassphrase(f"the passphrase does not open {path}, or the file was altered")
    return key


def _wrap(wrapper: DataKey, key: DataKey, aad: bytes) -> dict[str, str]:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(12)
    return {"nonce": nonce.hex(), "wrapped": AESGCM(wrapper.reveal()).encrypt(nonce, key.reveal(), aad).hex()}


def _unwrap(wrapper: DataKey, wrapping: dict[str, Any], aad: bytes) -> DataKey | None:
    """The wrapped key, or ``None`` where the wrapping does not belong to this wrapper and this associated data."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce, wrapped = bytes.fromhex(wrapping["nonce"]), bytes.fromhex(wrapping["wrapped"])
    try:
        return DataKey(AESGCM(wrapper.reveal()).decrypt(nonce, wrapped, aad))
    except InvalidTag:
        return None


def _data_key_aad(asset: str) -> bytes:
    return b"stemmata data key v1\0" + asset.encode("utf-8")


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreFault(f"{path} cannot be read: {error.strerror}") from error
    wrapping = canonical.parse(text)
    if not isinstance(wrapping, dict):
        raise ValueError("not an object")
    return wrapping


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreFault(f"the vault's folder {folder} cannot be created: {error.strerror}") from error


def _write_once(path: Path, wrapping: dict[str, Any]) -> bool:
    """Write a file unless there is one; whether it was written. Two processes cannot both succeed."""
    text = (json.dumps(wrapping, indent=1) + "\n").encode("ascii")
    try:
        file.write(path, lambda target: target.write(text), once=True)
    except FileExistsError:
        return False
    except OSError as error:
        raise StoreFault(f"{path} could not be written: {error.strerror}; nothing was kept") from error
    return True

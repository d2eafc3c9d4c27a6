"""Keys: the folder of encrypted files in which they rest, and how they are made, opened and taken in."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import secrets
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ledger import file, keyname
from ledger.address import Address
from ledger.companionfile import CompanionFile
from ledger.companions import Companions
from ledger.errors import KeyDamaged, KeyExists, KeyNotFound, Malformed, StoreFault, WrongPassphrase
from ledger.hardware import Place, place
from ledger.keycard import KeyCard
from ledger.keyfile import SCRYPT_N, KeyFile
from ledger.passphrase import octets
from ledger.signer import LocalSigner, Signer

if TYPE_CHECKING:
    from ledger.keyexport import KeyExport

__all__ = ["KeyCard", "Keystore", "LocalSigner", "Signer"]

_GRAIN = 2_000_000_000  # nanoseconds; of the coarsest clocks that file systems go by


class Keystore:
    """A folder of encrypted keys, readable by their owner alone.

    ``<name>.json`` is a key in the format of wallets, or says where in hardware it lies; ``<name>.companions.json``
    holds its companion keys under the same passphrase.
    """

    def __init__(self, folder: Path) -> None:
        """Nothing is read or made until it is needed."""
        self._folder = folder
        self._unlocked: dict[bytes, _Unlocked] = {}
        self._found = _Found(0, {}, {})
        # One scrypt at a time: each takes 256 MiB.
        self._opening = threading.Lock()

    def new(self, name: str, passphrase: str, *, scrypt_n: int = SCRYPT_N) -> Address:
        """Make a key with companions. Two processes that ask for the same name get one key: the other is told so.

        ``scrypt_n`` is scrypt's cost, a power of two. Raises :class:`BadKeyName`, :class:`KeyExists`, and
        :class:`WrongPassphrase` for an empty passphrase.
        """
        path = self._free(name, passphrase)
        self._refuse_leftover(path, None)
        signer, word = LocalSigner.generate(), octets(passphrase)
        key = KeyFile.encrypt(path, signer._key.secret, signer.address, word, scrypt_n)
        self._write(key)
        # A kill here leaves a key without companions: it gets them when it is opened.
        beside, companions = self._companions(path, signer.address, word, scrypt_n)
        self._unlocked[_slot(key, beside)] = _Unlocked(LocalSigner(signer._key.secret, companions), word)
        return signer.address

    def adopt(self, name: str, where: Place, passphrase: str, *, scrypt_n: int = SCRYPT_N) -> Address:
        """Give a key in hardware a name here, and companions; ``passphrase`` locks them, and is the PIN of a token.

        The key is asked for its address, but nothing is signed. The same key again under the same name changes
        nothing. Raises what :meth:`new` and the place's signer do.
        """
        path = self._path(name)
        address = where.signer(passphrase).address
        made = KeyFile(path, where.content(address))
        if not path.exists():
            self._free(name, passphrase)
        elif KeyFile.read(path) != made:
            raise KeyExists(f"another key named {path.stem!r} exists in {self._folder}")
        # First the companions, which prove the passphrase ever after; a kill between them is mended by the same call.
        self._refuse_leftover(path, address)
        self._companions(path, address, octets(passphrase), scrypt_n)
        if not path.exists():
            self._write(made)
        return address

    def add(self, name: str, export: KeyExport, passphrase: str, *, scrypt_n: int = SCRYPT_N) -> Address:
        """Take in a key that was exported, or made elsewhere, under the passphrase that it has.

        Companions come along, or are made. Raises what :meth:`new` does, :class:`WrongPassphrase`, and
        :class:`KeyDamaged`.
        """
        path, word = self._free(name, passphrase), octets(passphrase)
        source = export.key
        where = place(source.document, source.path)
        if where is None:
            alone = _decrypt(source, word)[1]
            source = source if source.states_address else source.stating(alone.address)
            _stated(source, alone)
        address = source.address
        self._refuse_leftover(path, address)
        if export.companions is not None:
            export.companions.decrypt(word, address)
            self._keep(CompanionFile(keyname.beside(path), export.companions.content))
        self._write(KeyFile(path, source.content))
        self._companions(path, address, word, scrypt_n)
        return address

    def has(self, name: str) -> bool:
        """Whether there is a key of that name. Raises :class:`BadKeyName`."""
        return self._path(name).exists()

    def names(self) -> tuple[str, ...]:
        """The names of all keys, sorted."""
        if not self._folder.is_dir():
            return ()
        return tuple(sorted(path.stem for path in self._folder.iterdir() if keyname.is_key_file(path)))

    def address(self, name: str) -> Address:
        """The address that the key file states, read without a passphrase; :meth:`unlock` is what proves it."""
        return KeyFile.read(self._path(name)).address

    def name_of(self, address: Address) -> str | None:
        """The first name of the key with this address, None if it is not here; damaged files are passed over.

        Files are read when they are new or changed, and not for every question.
        """
        try:
            changed = self._folder.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        if changed != self._found.changed:
            self._found = self._find(changed)
        return self._found.names.get(address)

    def _find(self, changed: int) -> _Found:
        before, stated = self._found.stated, dict[str, tuple[tuple[int, int, int], Address]]()
        names: dict[Address, str] = {}
        for name in self.names():
            with contextlib.suppress(KeyDamaged, KeyNotFound, FileNotFoundError):
                status = self._path(name).stat()
                state = (status.st_ino, status.st_size, status.st_mtime_ns)
                known = before.get(name)
                stated[name] = known if known is not None and known[0] == state else (state, self.address(name))
                names.setdefault(stated[name][1], name)
        # A folder that has just changed may change again within the grain of its clock.
        return _Found(changed if time.time_ns() - changed > _GRAIN else 0, stated, names)

    def card(self, name: str) -> KeyCard:
        """What the files of a key state, read without a passphrase. Raises :class:`KeyNotFound`, KeyDamaged."""
        return KeyCard.read(self._path(name))

    def rename(self, name: str, to: str) -> None:
        """Give a key another name, with its companions; a kill in between is mended by the same call.

        Raises :class:`KeyNotFound`, and :class:`KeyExists` where the other name is another key's.
        """
        source, target = self._path(name), self._path(to)
        # Both names first, then the old ones away, the key before its companions: no key is ever without its own.
        pairs = ((keyname.beside(source), keyname.beside(target)), (source, target))
        if not any(old.exists() for old, _ in pairs):
            raise KeyNotFound(f"no key named {source.stem!r} in {self._folder}")
        keyname.drop_leftover(target)
        for old, new in pairs:
            if old.exists() and not (new.exists() and new.samefile(old)):
                try:
                    new.hardlink_to(old)
                except FileExistsError:
                    raise KeyExists(f"{new} is another key's; {source.stem!r} keeps its name") from None
        file.sync(self._folder)
        for old, _ in reversed(pairs):
            old.unlink(missing_ok=True)
        file.sync(self._folder)

    def files(self, name: str) -> tuple[KeyFile, CompanionFile | None]:
        """The files of a key as they lie there, still locked."""
        key = KeyFile.read(self._path(name))
        return key, CompanionFile.read(keyname.beside(key.path))

    def unlock(self, name: str, passphrase: str, *, companions: bool = True) -> Signer:
        """Open a key. It is kept open in this object: the next time takes no second, but the right passphrase still.

        So is one that this object made. A key in a file that has no companions gets them now. Without ``companions``
        they stay closed, and the signer has none. Raises :class:`KeyNotFound`, :class:`WrongPassphrase` (an altered
        file may look like it), and :class:`KeyDamaged` where a file is no key file, or opens to another address than it
        states; and of a key in hardware, what its signer does.
        """
        key = KeyFile.read(self._path(name))
        word = octets(passphrase)
        with self._opening:
            beside = CompanionFile.read(keyname.beside(key.path)) if companions else None
            known = self._unlocked.get(_slot(key, beside))
            if known is not None:
                if not known.admits(word):
                    raise WrongPassphrase(f"the passphrase does not open {key.path}")
                return known.signer
            if companions and beside is None:
                beside, signer = self._mend(key, word)
            else:
                signer = _open(key, word, beside)
            self._unlocked[_slot(key, beside)] = _Unlocked(signer, word)
            return signer

    def _path(self, name: str) -> Path:
        return keyname.path(self._folder, name)

    def _free(self, name: str, passphrase: str) -> Path:
        path = self._path(name)
        if not passphrase:
            raise WrongPassphrase("the passphrase is empty; the key would lie open")
        if path.exists():
            raise KeyExists(f"a key named {path.stem!r} exists in {self._folder}")
        return path

    def _refuse_leftover(self, path: Path, address: Address | None) -> None:
        """Companions without their key may be somebody's last copy: they are not overwritten."""
        keyname.drop_leftover(path)
        left = CompanionFile.read(keyname.beside(path))
        if left is not None and left.address != address:
            raise KeyExists(f"{left.path} holds the companion keys of {left.address}, whose key is gone; move it away")

    def _keep(self, companions: CompanionFile) -> None:
        """Write companions that were made before; those that a killed call wrote are there already."""
        there = CompanionFile.read(companions.path)
        if there is None:
            self._write(KeyFile(companions.path, companions.content))
        elif there != companions:
            raise KeyExists(f"{there.path} holds other companion keys of {there.address}; move it away")

    def _companions(self, path: Path, address: Address, word: bytes, scrypt_n: int) -> tuple[CompanionFile, Companions]:
        """The companions of a key and their file, made unless it is there."""
        found = CompanionFile.read(keyname.beside(path))
        if found is None:
            companions = Companions.generate()
            made = CompanionFile.encrypt(keyname.beside(path), companions, address, word, scrypt_n)
            try:
                self._write(KeyFile(made.path, made.content))
            except KeyExists:  # another process was faster
                return self._companions(path, address, word, scrypt_n)
            return made, companions
        return found, found.decrypt(word, address)

    def _mend(self, key: KeyFile, word: bytes) -> tuple[CompanionFile, Signer]:
        """Companions for a key that was made elsewhere, or at whose making the process was killed."""
        if place(key.document, key.path) is not None:
            # A KMS asks for no passphrase, so that a slip would lock the new ones for good.
            raise KeyDamaged(
                f"{keyname.beside(key.path)} is gone; restore it from a backup, or make the key's entry again"
            )
        secret, alone = _decrypt(key, word)  # companions are made under the key's own passphrase alone
        address = _stated(key, alone).address
        beside, companions = self._companions(key.path, address, word, key.scrypt_n)
        return beside, LocalSigner(secret, companions)

    def _write(self, key: KeyFile) -> None:
        """A whole file or none, and never over another one."""
        _make_private_folder(self._folder)
        try:
            file.write(key.path, lambda target: target.write(key.content), once=True)
        except FileExistsError:
            raise KeyExists(f"a key named {key.path.stem!r} exists in {key.path.parent}") from None
        except OSError as error:
            raise StoreFault(f"{key.path} could not be written: {error.strerror}; nothing was kept") from error


class _Found(NamedTuple):
    """What was found in a folder that changed at that time; 0 to look again: the address that each file states, with
    how the file looked, and the first name of each."""

    changed: int
    stated: dict[str, tuple[tuple[int, int, int], Address]]
    names: dict[Address, str]


class _Unlocked:
    """An open key, and enough to tell whether a later caller knows its passphrase."""

    __slots__ = ("_salt", "_tag", "signer")

    def __init__(self, signer: Signer, word: bytes) -> None:
        self.signer = signer
        self._salt = secrets.token_bytes(32)
        self._tag = hmac.digest(self._salt, word, "sha256")

    def admits(self, word: bytes) -> bool:
        return hmac.compare_digest(self._tag, hmac.digest(self._salt, word, "sha256"))


def _slot(key: KeyFile, beside: CompanionFile | None) -> bytes:
    # By content: a file that was replaced is opened anew.
    parts = (key.content, b"" if beside is None else beside.content)
    return b"".join(hashlib.sha256(part).digest() for part in parts)


def _make_private_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_private_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def _open(key: KeyFile, word: bytes, beside: CompanionFile | None) -> Signer:
    where = place(key.document, key.path)
    if where is not None:
        # First the companions: a token counts the wrong PINs it is given.
        companions = None if beside is None else beside.decrypt(word, key.address)
        return _stated(key, where.signer(word.decode(errors="surrogatepass"), companions))
    secret, alone = _decrypt(key, word)
    signer = _stated(key, alone)
    return signer if beside is None else LocalSigner(secret, beside.decrypt(word, signer.address))


def _stated(key: KeyFile, signer: Signer) -> Signer:
    if signer.address != key.address:
        raise KeyDamaged(f"{key.path} states the address {key.address}, but opens to {signer.address}: it was altered")
    return signer


def _decrypt(key: KeyFile, word: bytes) -> tuple[bytes, LocalSigner]:
    try:
        secret = key.decrypt(word)
        return secret, LocalSigner(secret)
    except Malformed as error:
        raise KeyDamaged(f"{key.path} opens to no key: {error}") from None

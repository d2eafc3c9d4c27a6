"""Key files: one encrypted key each, in the format of Ethereum wallets.

Source of the format: Web3 Secret Storage Definition, version 3. So a key made elsewhere can be put among ours, and one
made here opens elsewhere.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger import canonical
from ledger.address import Address
from ledger.errors import KeyDamaged, KeyNotFound, Malformed, MalformedRecord, WrongPassphrase
from ledger.passphrase import LARGEST_N

SCRYPT_N = 262144
"""Cost of opening a key file: about a second and 256 MiB."""

_LARGEST_FILE = 16384
# What a key file may ask of this machine: 1 GiB of memory for scrypt, and some seconds.
_MOST_SCRYPT_BYTES = 2**30
_MOST_SCRYPT_PARALLEL = 16
_MOST_PBKDF2_ROUNDS = 10_000_000


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The content of a key file; ``path`` is for what errors say."""

    path: Path
    content: bytes

    @classmethod
    def encrypt(cls, path: Path, secret: bytes, address: Address, passphrase: bytes, scrypt_n: int) -> KeyFile:
        """The file for a key of 32 bytes, not written yet. ``scrypt_n`` is a power of two."""
        from eth_keyfile.keyfile import create_keyfile_json

        # Annotated as text; but text would be taken as Latin-1.
        document = create_keyfile_json(secret, passphrase, kdf="scrypt", iterations=scrypt_n)  # type: ignore[arg-type]
        return cls(path, json.dumps(document | {"address": address.raw.hex()}, indent=2).encode())

    @classmethod
    def read(cls, path: Path) -> KeyFile:
        """Raises :class:`KeyNotFound` where there is none, :class:`KeyDamaged` where it is too large to be one."""
        try:
            with path.open("rb") as file:
                content = file.read(_LARGEST_FILE + 1)
        except FileNotFoundError:
            raise KeyNotFound(f"no key named {path.stem!r} in {path.parent}") from None
        if len(content) > _LARGEST_FILE:
            raise KeyDamaged(f"{path} is too large for a key file")
        return cls(path, content)

    @property
    def address(self) -> Address:
        """What the file states, with no proof until it is opened. Raises :class:`KeyDamaged` if it states none."""
        stated = self.document.get("address")
        if not isinstance(stated, str):
            raise KeyDamaged(f"{self.path} does not state its address")
        try:
            return Address.parse("0x" + stated.removeprefix("0x"))
        except Malformed as error:
            raise KeyDamaged(f"{self.path}: {error}") from None

    @property
    def states_address(self) -> bool:
        """Whether the file states an address; some wallets leave it out."""
        return "address" in self.document

    def stating(self, address: Address) -> KeyFile:
        """The same file with the address in it."""
        return KeyFile(self.path, json.dumps(self.document | {"address": address.raw.hex()}, indent=2).encode())

    @property
    def scrypt_n(self) -> int:
        """scrypt's cost in this file, or the default where it uses another way."""
        crypto = self.document.get("crypto", self.document.get("Crypto"))
        costs = crypto.get("kdfparams") if isinstance(crypto, dict) else None
        n = costs.get("n") if isinstance(costs, dict) else None
        return n if type(n) is int and 2 <= n <= LARGEST_N else SCRYPT_N

    def decrypt(self, passphrase: bytes) -> bytes:
        """The 32 bytes of the key.

        Raises :class:`WrongPassphrase` (an altered file may look like it) and :class:`KeyDamaged`. The format's MAC
        does not cover the initialization vector, so compare the address of what comes out.
        """
        from eth_keyfile.keyfile import decode_keyfile_json

        document = self.document
        self._check_cost(document)
        try:
            return decode_keyfile_json(document, passphrase)  # type: ignore[arg-type]
        except ValueError as error:
            if "MAC mismatch" in str(error):
                raise WrongPassphrase(f"the passphrase does not open {self.path}") from None
            raise self._not_a_key_file() from None
        except (LookupError, TypeError, AttributeError, NotImplementedError, AssertionError):
            raise self._not_a_key_file() from None

    @property
    def document(self) -> dict[str, Any]:
        """The object in the file. Raises :class:`KeyDamaged` where it holds none."""
        try:
            document = canonical.parse(self.content)
        except MalformedRecord as error:
            raise KeyDamaged(f"{self.path} is not JSON: {error}") from None
        if not isinstance(document, dict):
            raise self._not_a_key_file()
        return document

    def _check_cost(self, document: dict[str, Any]) -> None:
        """Refuse a file that would take all memory or all day."""
        crypto = document.get("crypto", document.get("Crypto"))
        costs = crypto.get("kdfparams") if isinstance(crypto, dict) else None
        if not isinstance(costs, dict):
            raise self._not_a_key_file()
        n, r, p, rounds = (costs.get(name, 1) for name in ("n", "r", "p", "c"))
        if not all(type(cost) is int and cost > 0 for cost in (n, r, p, rounds)):
            raise KeyDamaged(f"{self.path}: kdfparams are not positive integers")
        if 128 * n * r > _MOST_SCRYPT_BYTES or p > _MOST_SCRYPT_PARALLEL or rounds > _MOST_PBKDF2_ROUNDS:
            raise KeyDamaged(f"{self.path} asks for more memory or time than a key is worth")

    def _not_a_key_file(self) -> KeyDamaged:
        return KeyDamaged(f"{self.path} is not a Web3 Secret Storage file, version 3")

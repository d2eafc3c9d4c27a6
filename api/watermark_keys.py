"""Files that hold a private watermark key: 32 random bytes under a passphrase, readable by their owner alone."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from ledger.errors import Malformed, WrongPassphrase
from ledger.passphrase import lock, octets, unlock

KEY_BYTES = 32
_FORMAT = "stemmata-watermark-key-1"
_AAD = b"stemmata watermark key v1"
_SCRYPT_N = 1 << 17
# A key file has a few hundred bytes.
_MOST_BYTES = 1 << 16


def make(path: Path, passphrase: str) -> None:
    """Write a new key to ``path`` (mode 0600), whole or not at all. Raises FileExistsError if the file is there."""
    from ledger import file

    locked = lock(secrets.token_bytes(KEY_BYTES), octets(passphrase), _AAD, _SCRYPT_N)
    text = json.dumps({"format": _FORMAT, **locked}, indent=1) + "\n"
    file.write(path, lambda target: target.write(text.encode()), once=True, mode=0o600)


def read(path: Path, passphrase: str) -> bytes:
    """The key in a file that ``make`` wrote.

    Raises OSError, :class:`Malformed` for another kind of file, :class:`WrongPassphrase` where it does not open.
    """
    with path.open("rb") as source:
        text = source.read(_MOST_BYTES)
    try:
        document = json.loads(text)
        if document["format"] != _FORMAT:
            raise ValueError("another format")
        key = unlock(document, octets(passphrase), _AAD)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise Malformed(f"{path}: no watermark key; `stemmata watermark key` makes one") from error
    if key is None:
        raise WrongPassphrase(f"{path}: the passphrase is wrong, or the file was altered")
    return key

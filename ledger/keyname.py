"""Names of keys, and of the files in which a key and its companions rest."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from ledger.errors import BadKeyName

_SUFFIX = ".json"
_COMPANIONS = ".companions"
_LONGEST = 200
# Joiners are format characters, yet Persian and the scripts of India need them to spell.
_JOINERS = "\u200c\u200d"


def path(folder: Path, name: str) -> Path:
    """The file of the key of that name, however its letters are composed. Raises :class:`BadKeyName`."""
    plain = unicodedata.normalize("NFC", name)
    _check(plain)
    return folder / f"{plain}{_SUFFIX}"


def beside(path: Path) -> Path:
    """The file of a key's companions."""
    return path.with_name(f"{path.stem}{_COMPANIONS}{_SUFFIX}")


def drop_leftover(path: Path) -> None:
    """Take a name away from companions that stand without their key and have another: a kill parted a renaming."""
    left = beside(path)
    if not path.exists() and left.exists() and left.stat().st_nlink > 1:
        left.unlink()


def is_key_file(path: Path) -> bool:
    """Whether a file in the folder is a key's, by its name."""
    if path.suffix != _SUFFIX:
        return False
    try:
        _check(path.stem)
    except BadKeyName:
        return False
    return True


def _check(name: str) -> None:
    if not name.strip():
        raise BadKeyName("a key needs a name")
    if name != name.strip() or name.startswith("."):
        raise BadKeyName(f"the key name {name!r} begins or ends with a space, or begins with a dot")
    if name.endswith(_COMPANIONS):
        raise BadKeyName(f"the key name {name!r} ends in {_COMPANIONS!r}: files of companion keys are named so")
    for character in name:
        hidden = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in _JOINERS
        if hidden or character in "/\\":
            raise BadKeyName(f"the key name {name!r} holds {character!r}: no slashes or invisible characters, please")
    if len(name.encode()) > _LONGEST:
        raise BadKeyName(f"a key name has at most {_LONGEST} bytes of UTF-8; this one has {len(name.encode())}")

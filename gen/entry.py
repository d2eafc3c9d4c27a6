"""One file of the cache: rows of one dtype and shape, each with a digest of its own, or sealed on its own.

    rows      one after the other, each from a multiple of 64 bytes on
    table     JSON: dtype, shape, and of each row where it begins, its length, and its sha256 if it lies open
    end       the table's sha256 (32 bytes), where it begins (8 bytes, little-endian), "stemrow1"

The table comes last, so that rows can be written as they are made, without knowing how many there will be. A row is
checked when it is first read, so that reading one window of an archive does not cost reading all of it.
"""

import hashlib
import json
import mmap
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from gen.errors import DamagedEntry

if TYPE_CHECKING:
    from gen.cache import Cipher

Array = npt.NDArray[Any]

_MAGIC = b"stemrow1"
_END = 32 + 8 + len(_MAGIC)
_ALIGNED = 64
_KINDS = "biuf"


class Place(NamedTuple):
    """Where a row lies in its file, in bytes, and its sha256 in hex; "" for a sealed one, whose seal tells."""

    start: int
    length: int
    digest: str


def write_entry(
    file: BinaryIO, key: str, rows: Iterable[Array], cipher: "Cipher | None", allow: Callable[[int, int], None]
) -> int:
    """Write all rows; returns how many bytes that took.

    allow: asked before each write with the bytes already written and those to come; raises to stop. Raises ValueError
    for rows of different dtype or shape, for none, and for dtypes that are no plain numbers.
    """
    places: list[Place] = []
    like: Array | None = None
    position = 0
    for row in rows:
        if like is None:
            like = row[..., :0] if row.ndim else row
            dtype, shape = row.dtype, row.shape
            if dtype.kind not in _KINDS or dtype.byteorder == ">":
                raise ValueError(f"rows: expected plain numbers, little-endian, not {dtype}")
        if row.dtype != dtype or row.shape != shape:
            raise ValueError(f"rows: expected {dtype} {shape} as the first one, not {row.dtype} {row.shape}")
        data = np.ascontiguousarray(row).tobytes()
        digest = hashlib.sha256(data).hexdigest() if cipher is None else ""
        if cipher is not None:
            data = cipher.seal(data, _name(key, len(places)))
        padding = -position % _ALIGNED
        allow(position, padding + len(data))
        file.write(bytes(padding) + data)
        places.append(Place(position + padding, len(data), digest))
        position += padding + len(data)
    if like is None:
        raise ValueError("rows: there are none")
    about = {"dtype": dtype.str, "shape": list(shape), "rows": places}
    table = json.dumps(about, separators=(",", ":")).encode()
    if cipher is not None:
        table = cipher.seal(table, _name(key, None))
    allow(position, len(table) + _END)
    file.write(table + _seal(key, table) + position.to_bytes(8, "little") + _MAGIC)
    return position + len(table) + _END


class Rows(Sequence[Array]):
    """The rows of an entry, read-only; each is checked when it is first asked for.

    `rows[i]` raises DamagedEntry if its bytes are not those that were written; remove the entry and make it again.
    """

    def __init__(
        self, path: Path, key: str, data: mmap.mmap, places: list[Place], dtype: np.dtype[Any], shape: tuple[int, ...]
    ) -> None:
        self.path, self.key, self.dtype, self.shape = path, key, dtype, shape
        self._data, self._places = data, places
        self._cipher: Cipher | None = None
        self._checked = bytearray(len(places))

    @classmethod
    def open(cls, path: Path, key: str, cipher: "Cipher | None") -> "Rows":
        """Map a file. Raises FileNotFoundError, DamagedEntry."""
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size <= _END:
                raise DamagedEntry(f"{path.name}: cut short; remove it, it is made again")
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        end = data[-_END:]
        start = int.from_bytes(end[32:40], "little")
        table = data[start:-_END] if start < size - _END else b""
        if end[40:] != _MAGIC or end[:32] != _seal(key, table):
            raise DamagedEntry(f"{path.name}: its table is damaged; remove it, it is made again")
        try:
            about = json.loads(table if cipher is None else cipher.open(table, _name(key, None)))
            places = [Place(*place) for place in about["rows"]]
            rows = cls(path, key, data, places, np.dtype(about["dtype"]), tuple(about["shape"]))
        except (ValueError, TypeError, KeyError) as error:
            raise DamagedEntry(f"{path.name}: its table is damaged; remove it, it is made again") from error
        rows._cipher = cipher
        return rows

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        place = self._places[index]
        if self._cipher is not None:
            try:
                opened = self._cipher.open(self._data[place.start : place.start + place.length], _name(self.key, index))
                return np.frombuffer(opened, self.dtype).reshape(self.shape)
            except ValueError as error:
                raise self._damaged(index) from error
        if not self._checked[index]:
            with memoryview(self._data)[place.start : place.start + place.length] as view:
                if hashlib.sha256(view).hexdigest() != place.digest:
                    raise self._damaged(index)
            self._checked[index] = 1
        count = place.length // self.dtype.itemsize
        return np.frombuffer(self._data, self.dtype, count, place.start).reshape(self.shape)

    def __iter__(self) -> Iterator[Array]:
        return (self[index] for index in range(len(self)))

    def _damaged(self, index: int) -> DamagedEntry:
        return DamagedEntry(f"{self.path.name}: row {index} is damaged; remove it, it is made again")


def _seal(key: str, table: bytes) -> bytes:
    """An entry under another's name is as damaged as one that was changed."""
    return hashlib.sha256(key.encode() + table).digest()


def _name(key: str, row: int | None) -> bytes:
    """What a sealed part is bound to: its entry, and its place there."""
    return f"{key} {'table' if row is None else row}".encode()

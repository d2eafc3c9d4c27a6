"""The instrument's files: weights, the records behind them, and a chain on which all of it is registered.

instrument.json       who recorded it, and the SHA-256 of each of the others
weights.safetensors   the model
records.car           its record, those of its datasets and of its makers' keys, and the recordings' fingerprints
chain.sqlite.xz       an embedded chain that holds these records, its model on offer for nothing, and little else

Embedded chains have one chain id, and their contracts one set of addresses: any of them can go on from this one.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from api.errors import InstrumentDamaged
from ledger.address import Address
from ledger.digest import Digest
from ledger.errors import Malformed

if TYPE_CHECKING:
    from ledger.store import BlockStore

MANIFEST = "instrument.json"
WEIGHTS, RECORDS, CHAIN = "weights.safetensors", "records.car", "chain.sqlite.xz"


@dataclass(frozen=True, slots=True)
class Instrument:
    """A folder with these files. ``makers`` are who trained the model and who registered its datasets."""

    folder: Path
    makers: tuple[Address, ...]
    files: Mapping[str, Digest]

    @classmethod
    def read(cls, folder: Path) -> Instrument | None:
        """What a folder's manifest says; None without one. Raises :class:`InstrumentDamaged`."""
        path = folder / MANIFEST
        try:
            said = json.loads(path.read_bytes())
            files = {name: Digest.parse(said["files"][name]) for name in (WEIGHTS, RECORDS, CHAIN)}
            return cls(folder, tuple(map(Address.parse, said["makers"])), files)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, LookupError, Malformed) as error:
            raise _damaged(path, str(error)) from error

    def to_json(self) -> str:
        """The manifest."""
        files = {name: str(digest) for name, digest in self.files.items()}
        return json.dumps({"makers": list(map(str, self.makers)), "files": files}, indent=2) + "\n"

    @property
    def weights(self) -> Digest:
        """By which the model is found on any chain."""
        return self.files[WEIGHTS]

    def path(self, name: str) -> Path:
        """One of the files, read once and found to be what the manifest says. Raises :class:`InstrumentDamaged`."""
        path = self.folder / name
        try:
            if Digest.of_file(path) != self.files[name]:
                raise _damaged(path, "its SHA-256 is another than the manifest's")
        except OSError as error:
            raise _damaged(path, error.strerror or str(error)) from error
        return path

    def lay_down(self, store: BlockStore, home: Path, chain: Path) -> None:
        """Put weights and records into the store, the manifest into ``home``, and last the chain's file at ``chain``.

        Each is there whole or not at all. Until the chain's file is, nothing names the blocks, and the same call does
        it all again. Raises :class:`InstrumentDamaged` before anything is written, and
        :class:`~ledger.errors.StoreFault`.
        """
        from ledger import car, file

        weights, records, packed = (self.path(name) for name in (WEIGHTS, RECORDS, CHAIN))
        with records.open("rb") as archive:
            car.load(store, archive)
        store.add_file(weights)
        file.write(home / MANIFEST, lambda out: out.write(self.to_json().encode()), mode=0o644)
        with lzma.open(packed) as unpacked:
            file.write(chain, lambda out: out.write(unpacked.read()), mode=0o644)


def _damaged(path: Path, why: str) -> InstrumentDamaged:
    return InstrumentDamaged(
        f"{path}: {why}. Install the package again; or begin a home without its instrument: STEMMATA_INSTRUMENT=off"
    )

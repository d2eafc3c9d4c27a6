"""From a soft binding back to the manifest: a watermark or fingerprint leads to a track, and that to its file.

The file as it was minted lies in the store with its manifest in it, so the store is the manifest repository: nothing is
kept beside it. A manifest is called by its own name (``urn:c2pa:…``) or by its track's token (CAIP-19), as the contract
calls it (``contracts/SoftBinding.sol``).
"""

from __future__ import annotations

import re
import struct
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from api.home import Home, Ledger
from api.workflows.catalogue import Catalogue
from ledger.credentials import ISCC, WATERMARK
from ledger.digest import Digest
from ledger.errors import ChainUnreachable, Invalid, Malformed, NotFound, Unverifiable

if TYPE_CHECKING:
    from gen.audio import Decoder
    from gen.fingerprint import Fingerprint
    from gen.waveform import Waveform
    from ledger.contracts import TrackEntry
    from ledger.records import TrackRecord

ALGORITHMS = (WATERMARK, ISCC)
WATERMARK_BYTES = 8
LARGEST_FILE = 1 << 30
"""Bytes of a minted file that is read for its manifest; what a stranger registered may unfold to much more."""
# Re-encoding moves up to 3 bits of a code, and other music comes as near as 7 (see gen.fingerprint.iscc_distance).
FURTHEST_BITS = 6
_ISCC_BITS = 64
_AUDIO_CODE, _WHOLE_ISCC = 0x22, 5
_TOKEN = re.compile(r"eip155:([0-9]+)/erc721:(0x[0-9a-fA-F]{40})/([0-9]{1,20})")
_HEX = re.compile(rb"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Match:
    """A manifest, and how alike query and track are: 0 to 100, or None where nothing was compared."""

    manifest: str
    score: int | None = None


class Manifests:
    """The manifests of this home's chain, for a service that lives on; threads may share it."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._turn, self._reading = threading.Lock(), threading.Lock()
        # Records and minted files never change, so each is read once: codes and names by track, tracks by name.
        self._codes: dict[int, int | None] = {}
        self._names: dict[int, str | None] = {}
        self._tracks: dict[str, tuple[int, int]] = {}

    def by_binding(self, algorithm: str, value: bytes, most: int) -> list[Match]:
        """The manifests that carry a binding. Raises :class:`Malformed` for an algorithm or value that is none."""
        if algorithm == WATERMARK:
            mark = watermark_of(value)
            with self._home.ledger() as ledger, Catalogue(self._home, ledger) as catalogue:
                entry = _entry(ledger, catalogue, mark)
                return self._matches(ledger, [] if entry is None else [(entry, 100)], most)
        if algorithm == ISCC:
            code = audio_code_of(value)
            with self._home.ledger() as ledger:
                return self._matches(ledger, self._near(ledger, code), most)
        raise Malformed(f"alg: {algorithm[:80]!r} is none of {', '.join(ALGORITHMS)}")

    def by_content(self, path: Path, decoder: Decoder, algorithm: str | None, most: int) -> list[Match]:
        """The manifests of the tracks in an audio file: by digest, by marks, and where these are silent by its sound.

        ``algorithm`` asks for that one alone. Raises :class:`gen.errors.AudioError` for what is no audio, and
        :class:`Malformed` for an algorithm that is none.
        """
        from api.workflows.evidence.fingerprint import sounding_like
        from api.workflows.evidence.hearing import Sound
        from gen.audio import load
        from gen.fingerprint import fingerprint

        if algorithm not in (None, *ALGORITHMS):
            raise Malformed(f"alg: {str(algorithm)[:80]!r} is none of {', '.join(ALGORITHMS)}")
        wave = load(path, name="the asset", decoder=decoder)
        sound = Sound(path, Digest.of_file(path), wave, fingerprint(wave))
        with self._home.ledger() as ledger, Catalogue(self._home, ledger) as catalogue:
            exact = ledger.contracts.track_by_audio(sound.audio)
            if exact is None:
                exact = _proved(lambda: catalogue.anchored_audio(sound.audio))
            found = {} if exact is None else {exact.id: exact}
            if algorithm != ISCC:
                found |= {entry.id: entry for entry in _marked(ledger, catalogue, wave)}
            if algorithm == ISCC or (algorithm is None and not found):
                tracks = catalogue.candidates(sound)
                like = sounding_like(ledger.contracts, ledger.store, sound.codes, tracks, [])
                found |= {entry.id: entry for entry in like}
            scored = [(entry, _likeness(ledger, sound.codes, entry)) for entry in found.values()]
            return self._matches(ledger, sorted(scored, key=lambda pair: -(pair[1] or 0)), most)

    def manifest(self, name: str, *, active_only: bool = False) -> bytes:
        """A manifest store by the name of its active manifest, or by its track's token; or that manifest in it alone.

        Raises :class:`Malformed` for what is no such name, and :class:`NotFound`.
        """
        token = _TOKEN.fullmatch(name)
        if token is None and not name.startswith("urn:"):
            raise Malformed(f"{name[:80]!r} is the name of no manifest: urn:c2pa:…, or a token's, eip155:…/erc721:…/…")
        with self._home.ledger() as ledger, Catalogue(self._home, ledger) as catalogue:
            if token is not None:
                deployment = ledger.contracts.deployment
                chain, contract, number = token.groups()
                here = (str(deployment.chain_id), str(deployment.tracks).lower())
                track = int(number) if (chain, contract.lower()) == here else None
            else:
                track = self._track(ledger, catalogue, name)
            known = track is not None and track < 1 << 64
            entry = _entry(ledger, catalogue, (track or 0).to_bytes(WATERMARK_BYTES)) if known else None
            try:
                store = None if entry is None else _store(ledger, entry)
            except Unverifiable:
                raise NotFound(f"the file with the manifest {name[:200]} is not here") from None
        if store is None:
            raise NotFound(f"no manifest is called {name[:200]}")
        return active_alone(store) if active_only else store

    def _matches(self, ledger: Ledger, found: list[tuple[TrackEntry, int | None]], most: int) -> list[Match]:
        """With the names of their manifests; a track that was minted without one has none."""
        matches = []
        for entry, score in found[:most]:
            name = self._name(ledger, entry)
            if name is not None:
                matches.append(Match(name, score))
        return matches

    def _name(self, ledger: Ledger, entry: TrackEntry) -> str | None:
        if entry.id in self._names:
            return self._names[entry.id]
        try:
            store = _store(ledger, entry)
        except Unverifiable:  # it may be here later
            return None
        name = None if store is None else _boxes(store)[-1][0]
        with self._turn:
            self._names[entry.id] = name
            if name is not None:
                # Whoever mints under a name that is taken does not take it over.
                minted = (entry.block, entry.id)
                self._tracks[name] = min(minted, self._tracks.get(name, minted))
        return name

    def _track(self, ledger: Ledger, catalogue: Catalogue, name: str) -> int | None:
        """The track whose manifest has this name. Each track is read once while this object lives, whoever asks."""
        with self._reading:
            if name not in self._tracks:
                for entry in (*ledger.contracts.tracks(), *catalogue.anchored(self._names)):
                    self._name(ledger, entry)
        return self._tracks[name][1] if name in self._tracks else None

    def _near(self, ledger: Ledger, code: int) -> list[tuple[TrackEntry, int | None]]:
        """Tracks whose audio code is near, the nearest first."""
        codes = ((self._code(ledger, entry), entry) for entry in ledger.contracts.tracks())
        found = [((own ^ code).bit_count(), entry) for own, entry in codes if own is not None]
        near = sorted((pair for pair in found if pair[0] <= FURTHEST_BITS), key=lambda pair: pair[0])
        return [(entry, round(100 * (1 - distance / _ISCC_BITS))) for distance, entry in near]

    def _code(self, ledger: Ledger, entry: TrackEntry) -> int | None:
        if entry.id not in self._codes:
            try:
                code = _code_in(_record(ledger, entry))
            except Unverifiable:  # it may be here later
                return None
            with self._turn:
                self._codes[entry.id] = code
        return self._codes[entry.id]


def watermark_of(value: bytes) -> bytes:
    """A mark's 8 bytes, from these bytes, or from their 16 hex digits as our manifests write them."""
    if _HEX.fullmatch(value):
        return bytes.fromhex(value.decode())
    if len(value) != WATERMARK_BYTES:
        raise Malformed(f"value: a watermark has {WATERMARK_BYTES} bytes, or 16 lower-case hex digits")
    return value


def audio_code_of(value: bytes) -> int:
    """The first 64 bits of the audio code among ISCC units: header and body of each, one after another (ISO 24138).

    Also as text, ``ISCC:…``, as our manifests write it.
    """
    import base64
    import binascii

    if value.startswith(b"ISCC:"):
        text = value.removeprefix(b"ISCC:")
        try:
            value = base64.b32decode(text + b"=" * (-len(text) % 8))
        except binascii.Error:
            raise Malformed("value: no ISCC, whose text is base32") from None
    position = 0
    while position + 2 <= len(value):
        kind, length = value[position], value[position + 1]
        # A header of two bytes: types, then version 0 and the number of 32-bit words, less one. Of a whole ISCC, which
        # is no unit, the last four bits say something else.
        end = position + 2 + 4 * ((length & 15) + 1)
        if kind >> 4 >= _WHOLE_ISCC or length >> 4 or (length & 15) > 7 or end > len(value):
            break
        if kind == _AUDIO_CODE and length & 15:
            return int.from_bytes(value[position + 2 : position + 10])
        position = end
    raise Malformed("value: no ISCC units with an audio code of 64 bits or more among them")


def _code_in(record: TrackRecord | None) -> int | None:
    """A track's audio code; None where a stranger's record names no such thing."""
    try:
        return None if record is None else audio_code_of(record.iscc.encode())
    except Malformed:
        return None


def _marked(ledger: Ledger, catalogue: Catalogue, wave: Waveform) -> list[TrackEntry]:
    from gen.watermark.mark import Watermark
    from gen.watermark.payload import PUBLIC_KEY

    found = [_entry(ledger, catalogue, mark.id) for mark in Watermark(PUBLIC_KEY).detect(wave)]
    return [entry for entry in found if entry is not None]


def _likeness(ledger: Ledger, codes: Fingerprint, entry: TrackEntry) -> int | None:
    """How alike the sound is, in hundredths: low where a mark was copied onto other audio, or lies under it."""
    from api.workflows.evidence.fingerprint import stored
    from gen.errors import FingerprintError
    from gen.fingerprint import align

    try:
        record = _record(ledger, entry)
        return None if record is None else round(100 * align(codes, stored(ledger.store, record)).similarity)
    except (Invalid, Malformed, Unverifiable, FingerprintError):
        return None


def _entry(ledger: Ledger, catalogue: Catalogue, mark: bytes) -> TrackEntry | None:
    """The track with a mark: minted, or anchored."""
    minted = ledger.contracts.track_by_watermark(mark)
    return minted or _proved(lambda: catalogue.anchored_watermark(int.from_bytes(mark)))


def _proved(look_up: Callable[[], TrackEntry | None]) -> TrackEntry | None:
    """An anchored track; None where nothing can be proved of it. Raises :class:`ChainUnreachable`."""
    try:
        return look_up()
    except ChainUnreachable:
        raise
    except (Invalid, Malformed, Unverifiable):
        return None


def _record(ledger: Ledger, entry: TrackEntry) -> TrackRecord | None:
    """A track's record, if it holds. Raises :class:`Unverifiable` where it is not here."""
    from ledger.archive import fetch_track

    try:
        return fetch_track(ledger.store, entry)
    except (Invalid, Malformed):
        return None


def _store(ledger: Ledger, entry: TrackEntry) -> bytes | None:
    """The manifest store in a track's minted file; None where there is none, or the file is another than was minted.

    Raises :class:`Unverifiable` where the file is not here.
    """
    from ledger.credentials import extract

    record = _record(ledger, entry)
    if record is None:
        return None
    try:
        with tempfile.NamedTemporaryFile() as copy:
            for piece in ledger.store.read(record.content.cid, limit=min(record.size, LARGEST_FILE)):
                copy.write(piece)
            copy.flush()
            path = Path(copy.name)
            store = extract(path) if Digest.of_file(path) == record.audio else None
            return store if store is not None and _boxes(store) else None
    except (Invalid, Malformed):
        return None


def _boxes(store: bytes) -> list[tuple[str, bytes]]:
    """The manifests in a store, name and box, the active one last (C2PA 2.4, section 11.1; JUMBF, ISO 19566-5)."""
    inner, position, found = store[8:], 0, []
    while position + 8 <= len(inner):
        size = int(struct.unpack_from(">I", inner, position)[0])
        box = inner[position : position + max(size, 8)]
        if box[4:8] == b"jumb":
            # Its description: 8 bytes of header, 16 of type, one of flags, the label.
            found.append((box[8 + 25 :].split(b"\0")[0].decode("utf-8", "replace"), box))
        position += len(box)
    if not found:
        raise Malformed("a manifest store without a manifest")
    return found


def active_alone(store: bytes) -> bytes:
    """The store with its active manifest and no other."""
    described = int(struct.unpack_from(">I", store, 8)[0])
    content = store[8 : 8 + described] + _boxes(store)[-1][1]
    return struct.pack(">I4s", 8 + len(content), b"jumb") + content

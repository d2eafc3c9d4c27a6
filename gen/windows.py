"""Recordings in windows, as samples and as log-mel frames: made once, and then taken from the cache."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy as copy_of
from dataclasses import asdict, dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from gen import augment as variation
from gen import features
from gen.cache import Cache
from gen.config import AugmentConfig, MelConfig, SegmentConfig
from gen.entry import Array
from gen.errors import CacheFull, ConfigError, DamagedEntry, NoRecordings
from gen.source import Source, cut_up

VERSION = 2
"""Goes up whenever the same recording and settings give other windows."""
MOST_HELD = 2 << 30
"""Bytes of windows that are held in memory where no cache has room for them."""
_MOST_OPEN = 128
_SILENCE = 1e-4

Place = tuple[int, int]
"""An epoch, and a window's number."""
Report = Callable[[int, int], None]
"""Told how many recordings are done, of how many."""


@dataclass(frozen=True)
class Batch:
    """samples: float32 (B, N), mono at 44.1 kHz; frames: log-mel, float32 (B, bands, 1 + N // hop); either None if it
    was not asked for. styles: int64 (B,). labels: int64 (B, fields), 0 for what is unknown. names: which windows these
    are, as the first digits of their file's digest and the window's number there."""

    samples: Tensor | None
    frames: Tensor | None
    styles: Tensor
    labels: Tensor
    names: tuple[str, ...] = ()

    def pin_memory(self) -> "Batch":
        """In memory that a GPU reads from without a copy; called by the DataLoader where it is told to."""
        parts = (self.samples, self.frames, self.styles, self.labels)
        pinned = (None if part is None else part.pin_memory() for part in parts)
        return Batch(*pinned, self.names)  # type: ignore[arg-type]


class Windows(Dataset[Batch]):
    """The windows of some recordings, in the cache; those in which nothing sounds are left out, unless none does.

    Making one decodes what the cache lacks, one recording after the other; stopped and made again it goes on from
    there. A recording that is shorter than a window is repeated until it fills one. What does not fit the cache is held
    in memory, up to MOST_HELD. augment: for music to learn from alone; leave it out for music that is judged by. With
    augment.copies the windows of an epoch n are those of epoch n modulo copies, and kept in the cache like all others;
    with 0 every epoch is varied anew, which takes a core some 30 ms for each window that is shifted or stretched. seed:
    decides how windows are varied. samples, frames: what a batch shall hold; samples are the mid of both channels.
    stereo: frames say where the sound is as well (`gen.models.stereo`), so they have more rows. report: told after each
    recording.
    Raises NoRecordings for no sources, CacheFull, and what loading a recording raises.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        cache: Cache | None,
        cut: SegmentConfig,
        mel: MelConfig,
        *,
        augment: AugmentConfig | None = None,
        seed: int = 0,
        samples: bool = False,
        frames: bool = True,
        stereo: bool = False,
        report: Report = lambda done, total: None,
    ) -> None:
        if not sources:
            raise NoRecordings("sources: there are none; give at least one recording")
        if not (samples or frames):
            raise ConfigError("samples, frames: at least one of them must be asked for")
        self.sources, self.cache, self.cut, self.mel, self.seed = tuple(sources), cache, cut, mel, seed
        self.stereo = stereo
        self.augment = augment if augment is not None and augment.active else None
        self.wanted = samples, frames
        self._open: OrderedDict[str, Sequence[Array]] = OrderedDict()
        self._held: dict[int, tuple[dict[int, Array], dict[int, Array]]] = {}
        self._bytes = 0
        kinds = ["samples"] if samples or self.augment is not None else []
        kinds += ["frames"] if frames and self.augment is None else []
        self._used: list[tuple[int, ...]] = []
        for number, source in enumerate(self.sources):
            try:
                for kind in kinds:
                    self._rows(kind, source)
                self._used.append(_sounding(source, self._peaks(source)))
            except CacheFull:
                self._used.append(self._hold(number))
            report(number + 1, len(self.sources))
        self.ends = np.cumsum([len(used) for used in self._used])

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getitem__(self, place: Place) -> Batch:
        return self.__getitems__([place])

    def __getitems__(self, places: Sequence[Place]) -> Batch:
        """A batch at once: each row is copied once, from the cache to its place."""
        samples, frames = self.wanted
        sounds: list[Array] = []
        framed: list[Array] = []
        found = [(epoch, *self._find(index)) for epoch, index in places]
        for epoch, number, row in found:
            copy = epoch if self.augment is None or not self.augment.copies else epoch % self.augment.copies
            if self.augment is not None and (self.augment.copies == 0 or number in self._held):
                sounds.append(self._varied(self.sources[number], self._row("samples", number, row), copy, row))
                if frames:
                    framed.append(self._pictured(sounds[-1]))
                continue
            kept = None if self.augment is None else copy
            if samples:
                sounds.append(self._row("samples", number, row, kept))
            if frames:
                framed.append(self._row("frames", number, row, kept))
        sources = [self.sources[number] for _, number, _ in found]
        fields = max(len(source.labels) for source in self.sources)
        return Batch(
            _stacked([_mid(sound) for sound in sounds]) if samples else None,
            _stacked(framed) if frames else None,
            torch.tensor([source.style for source in sources]),
            torch.tensor([source.labels or (0,) * fields for source in sources]).reshape(len(sources), fields).long(),
            tuple(f"{self.sources[number].digest.hex()[:12]}-{row}" for _, number, row in found),
        )

    def giving(self, *, samples: bool, frames: bool) -> "Windows":
        """The same windows, with batches that hold what is asked for here; makes nothing anew."""
        other = copy_of(self)
        other.wanted = samples, frames
        return other

    def used(self, number: int) -> tuple[int, ...]:
        """Which windows of a recording are used, by its place in `sources`."""
        return self._used[number]

    def styles(self) -> tuple[int, ...]:
        """The style of each window."""
        return tuple(source.style for source, used in zip(self.sources, self._used, strict=True) for _ in used)

    def _find(self, index: int) -> tuple[int, int]:
        """The place of the recording that a window is of, and its number there."""
        number = int(np.searchsorted(self.ends, index, side="right"))
        return number, self._used[number][index - (int(self.ends[number - 1]) if number else 0)]

    def _row(self, kind: str, number: int, row: int, copy: int | None = None) -> Array:
        source = self.sources[number]
        if number not in self._held:
            try:
                try:
                    found: Array = self._rows(kind, source, copy)[row]
                except DamagedEntry:
                    self._forget(kind, source, copy)
                    found = self._rows(kind, source, copy)[row]
                return found
            except CacheFull:
                self._hold(number)
        samples, frames = self._held[number]
        if copy is None:
            return (samples if kind == "samples" else frames)[row]
        varied = self._varied(source, samples[row], copy, row)
        return varied if kind == "samples" else self._pictured(varied)

    def _rows(self, kind: str, source: Source, copy: int | None = None) -> Sequence[Array]:
        """An entry, open; some stay open, since opening one means reading its table."""
        key = self._key(kind, source, copy)
        rows = self._open.get(key)
        if rows is None:
            make = {"samples": self._sounds, "frames": self._framed, "peaks": self._measured}[kind]
            rows = self._open[key] = self._cache(source).obtain(key, lambda: make(source, copy))
            while len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)
        self._open.move_to_end(key)
        return rows

    def _forget(self, kind: str, source: Source, copy: int | None = None) -> None:
        key = self._key(kind, source, copy)
        self._cache(source).remove(key)
        self._open.pop(key, None)

    def _cache(self, source: Source) -> Cache:
        cache = source.cache or self.cache
        if cache is None:
            raise CacheFull("cache: there is none")
        return cache

    def _sounds(self, source: Source, copy: int | None) -> Iterator[Array]:
        if copy is None:
            peaks = []
            for samples in cut_up(source, self.cut, self.stereo):
                peaks.append(_peak(samples))
                yield samples
            # Now, since it costs nothing; later it would cost reading all windows again.
            self._cache(source).obtain(self._key("peaks", source, None), lambda: [np.array(peaks, dtype=np.float32)])
            return
        self._rows("samples", source)
        for row, samples in enumerate(self._kept(source, None, lambda: self._sounds(source, None))):
            yield self._varied(source, samples, copy, row)

    def _framed(self, source: Source, copy: int | None) -> Iterator[Array]:
        for samples in self._kept(source, copy, lambda: self._sounds(source, copy)):
            yield self._pictured(samples)

    def _measured(self, source: Source, copy: int | None) -> Iterable[Array]:
        windows = self._kept(source, copy, lambda: cut_up(source, self.cut, self.stereo))
        yield np.array([_peak(samples) for samples in windows], dtype=np.float32)

    def _kept(self, source: Source, copy: int | None, make: Callable[[], Iterable[Array]]) -> Iterator[Array]:
        """All windows' samples from the cache, and from the first one on that it lacks, or has damaged, from `make`."""
        done, kept = 0, self._cache(source).find(self._key("samples", source, copy))
        try:
            for samples in kept or ():
                yield samples
                done += 1
        except DamagedEntry:
            self._forget("samples", source, copy)
        if kept is None or done < len(kept):
            yield from islice(make(), done, None)

    def _pictured(self, samples: Array) -> Array:
        """Frames (rows, T) of a window."""
        heard = torch.tensor(samples)
        if not self.stereo:
            return features.log_mel(heard, self.mel).numpy()
        from gen.models.stereo import stereo_frames

        return stereo_frames(heard[None], self.mel)[0].numpy()

    def _peaks(self, source: Source) -> Array:
        try:
            found: Array = self._rows("peaks", source)[0]
        except DamagedEntry:
            self._forget("peaks", source)
            found = self._rows("peaks", source)[0]
        return found

    def _hold(self, number: int) -> tuple[int, ...]:
        """Keep a recording's windows in memory; returns which are used. Raises CacheFull where that is too much."""
        source = self.sources[number]
        windows = list(cut_up(source, self.cut, self.stereo))
        used = _sounding(source, np.array([_peak(samples) for samples in windows], dtype=np.float32))
        samples = {row: windows[row] for row in used}
        frames = {row: self._pictured(windows[row]) for row in used}
        self._bytes += sum(array.nbytes for array in (*samples.values(), *frames.values()))
        if self._bytes > MOST_HELD:
            raise CacheFull(
                f"the windows of this music do not fit the cache, and take more than {MOST_HELD >> 30} GiB of memory; "
                "free some of the disk, or put the cache elsewhere"
            )
        self._held[number] = (samples, frames)
        return used

    def _varied(self, source: Source, samples: Array, epoch: int, row: int) -> Array:
        """A window as it sounds in an epoch, wherever its recording stands among the others."""
        assert self.augment is not None  # noqa: S101
        window = int.from_bytes(source.digest, "big") << 32 | row
        return variation.augment(samples, self.augment, self.seed, epoch, window)

    def _key(self, kind: str, source: Source, copy: int | None) -> str:
        settings: dict[str, str | int | bool | float] = {
            f"source.{name}": value for name, value in source.settings.items()
        }
        settings |= {f"segment.{name}": value for name, value in asdict(self.cut).items()}
        settings |= {"segment.shares": repr(source.shares), "segment.stereo": self.stereo}
        version = VERSION
        if copy is not None and self.augment is not None:
            settings |= {f"augment.{name}": value for name, value in asdict(self.augment).items() if name != "copies"}
            settings |= {"augment.seed": self.seed, "augment.copy": copy, "augment.version": variation.VERSION}
        if kind == "frames":
            settings |= {f"mel.{name}": value for name, value in asdict(self.mel).items()}
            version = VERSION * 1000 + features.VERSION
        return self._cache(source).key(kind, source.digest, settings, version)


def _sounding(source: Source, peaks: Array) -> tuple[int, ...]:
    """The numbers of the windows that are used."""
    chosen = range(len(peaks)) if source.chosen is None else [row for row in source.chosen if row < len(peaks)]
    return tuple(row for row in chosen if peaks[row] > _SILENCE) or tuple(chosen[:1])


def _mid(samples: Array) -> Array:
    return samples if samples.ndim == 1 else samples.mean(axis=0, dtype=np.float32)


def _peak(samples: Array) -> float:
    return float(np.abs(samples).max())


def _stacked(rows: list[Array]) -> Tensor:
    made = torch.empty(len(rows), *rows[0].shape)
    if get_worker_info() is not None:
        made.share_memory_()  # now, while it is empty: the way to the other process would copy it
    into = made.numpy()
    for place, row in enumerate(rows):
        into[place] = row
    return made

"""From a weights file, a seed and a style to music, however long, in memory that does not grow with it."""

import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen.config import RATE
from gen.course import Course
from gen.errors import ConfigError
from gen.features import log_mel
from gen.levelling import Heard, Samples, Take, record
from gen.models.backbone import Backbone
from gen.models.stereo import stereo_frames
from gen.models.vocoder import Vocoder
from gen.preset import Preset
from gen.repeatable import faithful, repeatable
from gen.request import GenerationRequest
from gen.seeds import derived_seed
from gen.training.checkpoint import load_checkpoint
from gen.training.sounds import prepared
from gen.waveform import Waveform

__all__ = ["Generated", "GenerationRequest", "Generator", "Performance"]


@dataclass(frozen=True)
class Generated:
    """What was made: the waveform (44.1 kHz), and how attention was shared between the model's datasets.

    attention sums to 1. It says what conditioned the network step by step; it is no proof of whose notes were used.
    """

    waveform: Waveform
    attention: tuple[float, ...]


class Performance(Iterator[Samples]):
    """Music while it is being made: pieces of it, float32 (channels, n), at the level that the networks gave it."""

    def __init__(self, pieces: Iterator[Tensor], course: Course, device: str) -> None:
        self._pieces, self._course, self._device = pieces, course, device

    def __next__(self) -> Samples:
        # Only while it works, and not while it waits for whoever listens.
        with _conditions(self._device), torch.no_grad():
            piece = next(self._pieces)
        return np.atleast_2d(piece[0].cpu().numpy())

    @property
    def attention(self) -> tuple[float, ...]:
        """How attention was shared between the model's datasets until now; sums to 1."""
        return self._course.attention


class Generator:
    """A trained model, ready to play.

    Where the music goes is always reckoned on the processor; a GPU makes frames and samples of it. Up to the frames all
    is reckoned in float64 and then rounded, so that they are the same on any machine; samples differ by rounding.
    """

    def __init__(
        self,
        preset: Preset,
        styles: tuple[str, ...],
        generator: Backbone,
        vocoder: Vocoder[Any],
        device: str = "cpu",
    ) -> None:
        """styles: names of the datasets, in the order of a request's style weights. device: where it is rendered."""
        self.preset, self.styles, self._device = preset, styles, device
        self._generator = copy.deepcopy(generator).double()
        latent = self._generator.latent
        self._decoder = latent if device == "cpu" else copy.deepcopy(latent).to(device)
        # The other ways are for processors.
        self._vocoder = vocoder.quickened() if device == "cpu" else vocoder.by("eager").to(device)

    @classmethod
    def load(cls, path: Path, device: str = "cpu") -> "Generator":
        """Read a weights file. Raises CheckpointError naming the file and what is wrong with it.

        device: "cpu", "cuda" or "cuda:1", see `gen.training.processes.devices_for`.
        """
        found = load_checkpoint(path)
        return cls(found.preset, found.styles, found.generator, found.vocoder, device)

    @property
    def channels(self) -> int:
        """How many channels the music has: 2 if the model was trained on stereo."""
        return 2 if self.preset.vocoder.stereo else 1

    def render(self, request: GenerationRequest) -> Generated:
        """Make music at its level, with short fades at both ends; the same samples for the same request every time.

        Holds all of it. Raises ConfigError if the request does not fit the model.
        """
        take, attention = self.record(request)
        try:
            samples = np.concatenate(list(take.blocks()), axis=1)
        finally:
            take.close()
        return Generated(Waveform(samples, RATE), attention)

    def record(
        self, request: GenerationRequest, folder: Path | None = None, heard: Heard | None = None
    ) -> tuple[Take, tuple[float, ...]]:
        """Make music into a file without a name, in constant memory; returns it and the attention.

        folder, heard: where the file lies, and who hears it meanwhile, see `gen.levelling`. The caller closes what is
        returned. Raises ConfigError if the request does not fit the model, OSError where the disk is full.
        """
        performance = self.stream(request)
        return record(performance, request.frames, folder, heard), performance.attention

    def stream(self, request: GenerationRequest) -> Performance:
        """Make music piece by piece, without seams: the samples do not depend on where a piece ends.

        At least request.frames samples come, at whatever level. Raises ConfigError if the request does not fit the
        model; with a primer its encoding happens here, all else when the first piece is asked for.
        """
        hop = self.preset.mel.hop
        stack = self._generator.latent.stack
        # The last sample lies between two frames.
        steps = -(-(-(-request.frames // hop) + 1) // stack)
        with _conditions(self._device), torch.no_grad():
            heard = None if request.primer is None else self._encoded(request.primer)
            course = Course(self._generator, request, steps, heard)
        return Performance(self._pieces(request, course), course, self._device)

    def _encoded(self, primer: Waveform) -> Tensor:
        """The points (1, T, size) of a primer, heard as recordings were while learning."""
        samples = torch.from_numpy(prepared(primer, self.preset).samples.astype(np.float64))
        if self.channels == 2:
            frames = stereo_frames(samples.expand(2, -1)[None], self.preset.mel)
        else:
            frames = log_mel(samples, self.preset.mel)
        points: Tensor = self._generator.latent.encode(frames)
        if points.shape[1] == 0:
            raise ConfigError("primer: too short for this model; give some seconds")
        return points

    def _pieces(self, request: GenerationRequest, course: Course) -> Iterator[Tensor]:
        random = torch.Generator().manual_seed(derived_seed(request.seed, "vocoder"))
        stream = self._vocoder.stream(random)
        for frames in self._decoder.stream(points.to(self._device) for points in course):
            piece = stream.push(frames.float())
            if piece.shape[-1] > 0:
                yield piece
        yield stream.finish()


def _conditions(device: str) -> AbstractContextManager[None]:
    return repeatable() if device == "cpu" else faithful()

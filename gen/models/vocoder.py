"""What every vocoder is: log-mel frames in, samples out; whole for learning, and piece by piece for listening."""

import copy
import math
from typing import Generic, Self, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gen.config import MelConfig
from gen.errors import ConfigError
from gen.models.config import CUES, VocoderConfig
from gen.models.stereo import Stage

Memory = TypeVar("Memory")
"""What a vocoder remembers within a stream."""
_ALIKE = 1e-3


class Vocoder(nn.Module, Generic[Memory]):
    """Log-mel frames (B, bands, T) to samples (B, (T - 1) * mel.hop) at 44.1 kHz; frame t is centred on t * mel.hop."""

    def __init__(self, config: VocoderConfig, mel: MelConfig) -> None:
        """mel: what the frames were made with."""
        super().__init__()
        self.config, self.mel = config, mel
        self.way = "eager"

    @property
    def ways(self) -> tuple[str, ...]:
        """How it can be rendered with the same outcome, the fastest first."""
        return ("eager",)

    @property
    def coarse(self) -> tuple[str, ...]:
        """Ways that are not so exact, and taken only when asked for: multiplying in bfloat16."""
        return ("bfloat16",)

    def made(self, frames: Tensor) -> tuple[Tensor, Tensor | None]:
        """Samples from the network alone, with gradients, and the magnitude (B, window / 2 + 1, 1 + N / hop) that its
        head speaks of, if it has such a head.
        """
        raise NotImplementedError

    @property
    def context(self) -> int:
        """Frames on each side of a stretch of samples that `piece` listens to; more change nothing."""
        raise NotImplementedError

    @property
    def chunk(self) -> int:
        """Frames that a stream renders at a time."""
        return 256

    def forward(self, frames: Tensor) -> Tensor:
        """Samples from the network alone, with gradients."""
        return self.made(frames)[0]

    def start(self, random: torch.Generator) -> Memory:
        """What `piece` has to remember from one piece to the next. random: whatever is drawn, is drawn from it."""
        raise NotImplementedError

    def piece(self, frames: Tensor, first: int, memory: Memory) -> Tensor:
        """Samples to listen to, (B, (T - 1) * hop), of a stretch of frames of which `first` is the number of the first.

        Pieces come in order and may overlap, but leave no gap. Within `context` of an end that is not that of the
        whole, the samples are not yet right.
        """
        return self.heard(frames)

    def stream(self, random: torch.Generator, chunk: int | None = None) -> "Stream[Memory]":
        """Begin to render frames that come bit by bit. chunk: frames at a time, if not what is fastest."""
        return Stream(self, random, self.chunk if chunk is None else chunk, self.config.stereo)

    def mid(self, frames: Tensor, random: torch.Generator) -> Tensor:
        """What `render` gives before it is placed: (B, N) of the bands of frames alone (B, bands, T)."""
        return Stream(self, random, self.chunk, placed=False).whole(frames)

    def render(self, frames: Tensor, random: torch.Generator) -> Tensor:
        """Samples to listen to, those that a stream gives: (B, N), or with config.stereo (B, 2, N) left and right."""
        return self.stream(random).whole(frames)

    def quickened(self) -> Self:
        """A copy to listen with, by the fastest of its `ways` that is there and gives the same samples.

        The same means within 1e-3, which is looked at on a few frames. Which way it was, its attribute `way` says.
        """
        plain = self.by("eager")
        for way in self.ways:
            if way == "eager":
                break
            try:
                found = self.by(way)
            except ConfigError:
                continue
            if found.differs(plain) <= _ALIKE:
                return found
        return plain

    def by(self, way: str) -> Self:
        """A copy to listen with, by one of `ways` or `coarse`.

        Raises ConfigError if there is no such way for this kind, or it needs a package that is not installed.
        """
        if way not in (*self.ways, *self.coarse):
            raise ConfigError(f"vocoder: {self.config.kind!r} is rendered by {', '.join(self.ways)}, not by {way!r}")
        made = self.folded()
        made.way = way
        made.prepare()
        return made

    def prepare(self) -> None:
        """Change what `way` says to change; the weights are folded."""

    def differs(self, other: Self) -> float:
        """By how much samples differ at most from those of another, on some frames that sweep through all levels."""
        with torch.no_grad():
            time = torch.arange(24)[None, :] + 7.0 * torch.arange(self.mel.bands)[:, None]
            frames = 3 * torch.sin(time)[None] - 4
            one, two = (vocoder.heard(frames) for vocoder in (self, other))
            return float((one - two).abs().max())

    def heard(self, frames: Tensor) -> Tensor:
        """Samples of the network, as `way` makes them."""
        if self.way != "bfloat16":
            return self.made(frames)[0]
        with torch.autocast(frames.device.type, torch.bfloat16):
            return self.made(frames)[0]

    def folded(self) -> Self:
        """A copy to listen with: weight norm is multiplied into the weights, which takes no time any more.

        What renders by another way than "eager" is such a copy already.
        """
        if self.way != "eager":
            return self
        if not any(parametrize.is_parametrized(module) for module in self.modules()):
            return copy.deepcopy(self).eval().requires_grad_(False)
        # Not a deep copy here: its modules would share their classes, which parametrizations alter, with these.
        made = type(self)(self.config, self.mel).to(next(self.parameters()).device)
        made.load_state_dict(self.state_dict())
        for module in list(made.modules()):
            if parametrize.is_parametrized(module, "weight"):
                parametrize.remove_parametrizations(module, "weight")
        return made.eval().requires_grad_(False)


class Stream(Generic[Memory]):
    """Frames in, samples out, in constant memory and without seams.

    However the frames are cut when they are pushed, the samples are the same, bit for bit: what is rendered at a time
    does not depend on it. Each piece is rendered with the vocoder's context on both sides, and only its middle is given
    out, so there is nothing to fade.
    """

    def __init__(self, vocoder: Vocoder[Memory], random: torch.Generator, chunk: int, placed: bool) -> None:
        """chunk: frames that are rendered at a time, at least 1. placed: whether frames have cues, which place it."""
        self.vocoder, self.chunk = vocoder, chunk
        self.memory = vocoder.start(random)
        self.stage = Stage(vocoder.mel) if placed else None
        self.context = vocoder.context + (self.stage.context if self.stage else 0)
        self.rows = vocoder.mel.bands + (2 * CUES if placed else 0)
        self.held = torch.zeros(0, self.rows, 0)
        self.first = 0
        self.done = 0

    @torch.no_grad()
    def push(self, frames: Tensor) -> Tensor:
        """Hand over the next frames (B, rows, t), and take what can be rendered by now: (B, n) or (B, 2, n), n >= 0.

        Raises ValueError if they have other rows, or another B than the frames before.
        """
        batch = frames.shape[0] if self.first + self.held.shape[-1] == 0 else self.held.shape[0]
        if frames.dim() != 3 or frames.shape[:2] != (batch, self.rows):
            raise ValueError(f"frames: must be ({batch}, {self.rows}, T), not {tuple(frames.shape)}")
        self.held = torch.cat([self.held, frames], dim=-1) if self.held.shape[-1] > 0 else frames
        found = [self._nothing()]
        while self.first + self.held.shape[-1] > self.done + self.chunk + self.context:
            found.append(self._piece(self.done + self.chunk, self.done + self.chunk + self.context + 1))
        return torch.cat(found, dim=-1)

    @torch.no_grad()
    def finish(self) -> Tensor:
        """The rest. T frames in all give (T - 1) * hop samples in all. Nothing may be pushed afterwards."""
        last = self.first + self.held.shape[-1] - 1
        return self._piece(last, last + 1) if last > self.done else self._nothing()

    def whole(self, frames: Tensor) -> Tensor:
        """The samples of frames that are all there is."""
        return torch.cat([self.push(frames), self.finish()], dim=-1)

    def _piece(self, until: int, end: int) -> Tensor:
        """The samples up to frame `until`, rendered from the frames before `end`; forgets what is not needed again."""
        bands, hop = self.vocoder.mel.bands, self.vocoder.mel.hop
        frames = self.held[..., : end - self.first]
        made = self.vocoder.piece(frames[:, :bands], self.first, self.memory)
        if self.stage is not None:
            made = self.stage.spread(made, frames[:, bands:])
        made = made[..., (self.done - self.first) * hop : (until - self.first) * hop]
        kept = max(self.first, until - self.context)
        self.held, self.first, self.done = self.held[..., kept - self.first :], kept, until
        return made

    def _nothing(self) -> Tensor:
        return self.held.new_zeros(self.held.shape[0], *((2, 0) if self.stage else (0,)))


def reach(frames: float, window: int, hop: int) -> int:
    """Frames on each side that samples depend on through an inverse STFT of frames that depend on `frames` each."""
    return math.ceil(frames) + math.ceil(window / 2 / hop)

"""The space that a generator moves through: each point stands for some mel frames, one after the other."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from gen.models.config import LatentConfig


class Latent(nn.Module, ABC):
    """From log-mel frames to points and back.

    stack: mel frames that a point stands for. size: coordinates of a point. bands: of a frame. context: how many points
    on either side of a point have a say in its frames, or stand for frames that have a say in it (0: it stands alone),
    so that long music can be decoded, and encoded, in parts.
    """

    context: int = 0

    def __init__(self, config: LatentConfig, bands: int) -> None:
        super().__init__()
        self.stack, self.size, self.bands = config.stack, config.size, bands

    @property
    def device(self) -> torch.device:
        """Where it computes, and takes frames and points."""
        any_of_it: Tensor = next(iter(self.state_dict().values()))
        return any_of_it.device

    @abstractmethod
    def encode(self, frames: Tensor) -> Tensor:
        """Log-mel frames (B, bands, T) to points (B, T // stack, size); frames that fill no stack are left out."""

    @abstractmethod
    def decode(self, points: Tensor) -> Tensor:
        """Points (B, T, size), T >= 1, to log-mel frames (B, bands, T * stack)."""

    @abstractmethod
    def fit(self, frames: Tensor) -> None:
        """Begin from music, before any step: log-mel frames (N, bands, stack), N >= 1."""

    def interpolate(self, one: Tensor, other: Tensor, share: float | Tensor) -> Tensor:
        """The points that lie between points (..., size): share 0 is `one`, share 1 `other`, exactly.

        share: between 0 and 1, or a tensor that broadcasts to (..., 1).
        """
        return one * (1 - share) + other * share

    def stream(self, parts: Iterable[Tensor]) -> Iterator[Tensor]:
        """Decode points (B, T, size) that come in parts of any length: frames (B, bands, ...), the same as `decode`
        gives for all of them at once, as soon as they are certain. Holds a part and its surroundings, never the whole.
        """
        held, given = None, 0
        for part in parts:
            held = part if held is None else torch.cat([held, part], dim=1)
            certain = held.shape[1] - self.context
            if certain > given:
                yield self.decode(held)[..., given * self.stack : certain * self.stack]
                gone = max(0, certain - self.context)
                held, given = held[:, gone:], certain - gone
        if held is not None and given < held.shape[1]:
            yield self.decode(held)[..., given * self.stack :]


def latent_of(config: LatentConfig, bands: int) -> Latent:
    """An untrained latent space of the kind that the settings name."""
    from gen.models.linear import LinearLatent
    from gen.models.quantised import QuantisedLatent
    from gen.models.vae import VariationalLatent

    kinds: dict[str, type[Latent]] = {"linear": LinearLatent, "vae": VariationalLatent, "quantised": QuantisedLatent}
    return kinds[config.kind](config, bands)

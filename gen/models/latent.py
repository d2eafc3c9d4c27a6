"""The space that a generator moves through: each point stands for some mel frames, one after the other."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from gen.config import MelConfig
from gen.models.config import LatentConfig


class Latent(nn.Module, ABC):
    """From log-mel frames to points and back. Kinds: `linear`.

    stack: mel frames that a point stands for. size: coordinates of a point. bands: of the mel. context: how many points
    on either side of a point have a say in its frames (0: it stands alone), so that long music can be decoded in parts.
    """

    context: int = 0

    def __init__(self, config: LatentConfig, mel: MelConfig) -> None:
        super().__init__()
        self.stack, self.size, self.bands = config.stack, config.size, mel.bands

    @abstractmethod
    def encode(self, frames: Tensor) -> Tensor:
        """Log-mel frames (B, bands, T) to points (B, T // stack, size); frames that fill no stack are left out."""

    @abstractmethod
    def decode(self, points: Tensor) -> Tensor:
        """Points (B, T, size) to log-mel frames (B, bands, T * stack)."""


def latent_of(config: LatentConfig, mel: MelConfig) -> Latent:
    """An untrained latent space of the kind that the settings name."""
    from gen.models.linear import LinearLatent

    return {"linear": LinearLatent}[config.kind](config, mel)

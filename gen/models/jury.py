"""Several discriminators of samples, who judge side by side."""

from torch import Tensor, nn

from gen.models.discriminators import SpectrumDiscriminator
from gen.models.period_discriminator import PeriodDiscriminator
from gen.models.scale_discriminator import ScaleDiscriminator

_KINDS: dict[str, type[nn.Module]] = {
    "spectrum": SpectrumDiscriminator,
    "period": PeriodDiscriminator,
    "scale": ScaleDiscriminator,
}


class Jury(nn.Module):
    """The discriminators that a vocoder's settings name."""

    def __init__(self, names: tuple[str, ...], channels: int) -> None:
        """names: of "spectrum", "period", "scale"; channels: what each takes its widths from."""
        super().__init__()
        self.judges = nn.ModuleDict({name: _KINDS[name](channels) for name in names})

    def forward(self, samples: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Judge samples (B, N): all maps of scores, and all activations."""
        scores: list[Tensor] = []
        inner: list[Tensor] = []
        for judge in self.judges.values():
            found, heard = judge(samples)
            scores += found
            inner += heard
        return scores, inner

"""Judging samples by their periods: HiFi-GAN's multi-period discriminator (arXiv:2010.05646, section 2.3)."""

from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

_SLOPE = 0.1
_KERNEL, _STRIDE = 5, 3


class PeriodTower(nn.Module):
    """Hears every so-manieth sample: two-dimensional convolutions on samples laid out in rows of one period."""

    def __init__(self, period: int, channels: int) -> None:
        """period: in samples; channels: of the first layer, 32 in the paper."""
        super().__init__()
        self.period = period
        widths = [1, channels, 4 * channels, 16 * channels, 32 * channels, 32 * channels]
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(before, after, (_KERNEL, 1), (stride, 1), padding=(_KERNEL // 2, 0)))
            for before, after, stride in zip(widths, widths[1:], (_STRIDE,) * 4 + (1,), strict=False)
        )
        self.judge = weight_norm(nn.Conv2d(widths[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, samples: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Judge samples (B, N), N above the period: scores, and each layer's activations, those scores among them."""
        missing = -samples.shape[-1] % self.period
        heard = nn.functional.pad(samples[:, None], (0, missing), "reflect")
        heard = heard.reshape(*heard.shape[:-1], -1, self.period)
        inner = []
        for layer in self.layers:
            heard = nn.functional.leaky_relu(layer(heard), _SLOPE)
            inner.append(heard)
        scores = self.judge(heard)
        return scores, [*inner, scores]


class PeriodDiscriminator(nn.Module):
    """One tower for each of several periods that share no divisor."""

    def __init__(self, channels: int, periods: tuple[int, ...] = (2, 3, 5, 7, 11)) -> None:
        """channels: of the towers' first layers; periods: in samples."""
        super().__init__()
        self.towers = nn.ModuleList(PeriodTower(period, channels) for period in periods)

    def forward(self, samples: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Judge samples (B, N): one map of scores per tower, and all activations."""
        found: list[tuple[Tensor, list[Tensor]]] = [tower(samples) for tower in self.towers]
        return [scores for scores, _ in found], [layer for _, inner in found for layer in inner]

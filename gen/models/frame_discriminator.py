"""The network that learns to tell how a generator goes on from how music goes on, by log-mel frames."""

from collections.abc import Callable

from torch import Tensor, nn

from gen.models.config import GeneratorConfig

_SLOPE = 0.1


class FrameDiscriminator(nn.Module):
    """One-dimensional convolutions over time; style enters by projection (Miyato and Koyama 2018, arXiv:1802.05637).

    With config.discriminator_norm "batch", its layers' activations are normalised over what is judged at a time (Ioffe
    and Szegedy 2015, arXiv:1502.03167): judge played and made music in batches of their own.
    """

    def __init__(self, rows: int, config: GeneratorConfig) -> None:
        """rows: numbers in a frame."""
        super().__init__()
        channels, kernels = config.discriminator_channels, config.discriminator_kernels
        widths = [rows, channels] + [channels] * (len(kernels) - 2) + [2 * channels]
        self.dropout, self.batch = config.discriminator_dropout, config.discriminator_norm == "batch"
        self.layers = nn.ModuleList(
            self._layer(before, after, kernel, 1 if place == 0 else 2)
            for place, (before, after, kernel) in enumerate(zip(widths, widths[1:], kernels, strict=False))
        )
        self.judge = nn.Conv1d(widths[-1], 1, 3, padding=1)
        self.style = nn.Linear(config.style_size, widths[-1], bias=False)

    def _layer(self, before: int, after: int, kernel: int, stride: int) -> nn.Module:
        convolution = nn.Conv1d(before, after, kernel, stride=stride, padding=kernel // 2)
        if self.batch:
            return nn.Sequential(convolution, nn.BatchNorm1d(after))
        return nn.utils.parametrizations.weight_norm(convolution)

    def forward(
        self, frames: Tensor, style: Tensor, uniform: Callable[..., Tensor] | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Judge frames (B, rows, T) of a style as a whole (B, style_size).

        uniform: gives random numbers in [0, 1) of a shape; with it each layer's output is thinned out by dropout.
        Returns scores (B, T'), about one for 4 frames with three layers, and each layer's activations.
        """
        inner, heard = [], frames
        for layer in self.layers:
            heard = nn.functional.leaky_relu(layer(heard), _SLOPE)
            inner.append(heard)
            if uniform is not None and self.dropout > 0:
                kept = uniform(*heard.shape) >= self.dropout
                heard = heard * kept / (1 - self.dropout)
        match = (heard * self.style(style)[:, :, None]).sum(dim=1) / heard.shape[1] ** 0.5
        return self.judge(heard).squeeze(1) + match, inner

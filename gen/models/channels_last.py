"""Convolutions over time with the channels innermost in memory, as oneDNN multiplies them fastest."""

from typing import Any

import torch
from torch import Tensor, nn


class LaidOut(nn.Module):
    """A one-dimensional convolution, done as one over an image of a single row: (B, channels, T) to the same."""

    def __init__(self, layer: nn.Conv1d | nn.ConvTranspose1d) -> None:
        """layer: whose weights are taken over; without parametrizations."""
        super().__init__()
        settings: dict[str, Any] = {name: (1, getattr(layer, name)[0]) for name in ("stride", "dilation")}
        settings["padding"], settings["groups"] = (0, int(layer.padding[0])), layer.groups
        sizes = layer.in_channels, layer.out_channels, (1, layer.kernel_size[0])
        inner: nn.Conv2d | nn.ConvTranspose2d
        if isinstance(layer, nn.Conv1d):
            inner = nn.Conv2d(*sizes, **settings)
        else:
            inner = nn.ConvTranspose2d(*sizes, **settings, output_padding=(0, layer.output_padding[0]))
        inner.to(layer.weight.device).load_state_dict({"weight": layer.weight.unsqueeze(2), "bias": layer.bias})
        inner.weight.data = inner.weight.data.contiguous(memory_format=torch.channels_last)
        self.inner = inner

    def forward(self, heard: Tensor) -> Tensor:
        """Apply it."""
        made: Tensor = self.inner(heard.unsqueeze(2).contiguous(memory_format=torch.channels_last))
        return made.squeeze(2)


def lay_channels_last(model: nn.Module) -> None:
    """Exchange all convolutions over time within a model, in place."""
    for name, child in list(model.named_children()):
        if isinstance(child, nn.Conv1d | nn.ConvTranspose1d):
            setattr(model, name, LaidOut(child).eval().requires_grad_(False))
        else:
            lay_channels_last(child)

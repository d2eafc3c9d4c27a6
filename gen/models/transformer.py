"""A Music Transformer (Huang et al. 2018, arXiv:1809.04281): attention that knows how long ago, not when.

Each step looks back at the last `window` steps, itself included, so an hour takes no more memory than a minute. Layers
are normalised before (Xiong et al. 2020, arXiv:2002.04745).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gen.models.backbone import Backbone, State
from gen.models.config import GeneratorConfig
from gen.models.latent import Latent
from gen.models.style import Style


def skew(scores: Tensor) -> Tensor:
    """From scores by distance to scores by position, without a copy for each pair.

    scores (..., T, L): of each of the last T steps with each distance, L - 1 first and 0 last. Returns (..., T, L): of
    each of these steps with each of all L >= T steps; what lies after a step holds nothing of meaning. (Section 3.4.1,
    for a past that is longer than what is asked.)
    """
    *rest, steps, length = scores.shape
    padded = nn.functional.pad(scores, (1, 0)).flatten(-2)
    return padded[..., steps:].reshape(*rest, steps, length)


class RelativeAttention(nn.Module):
    """Attention of several heads to the last `window` steps, with learned vectors for how long ago they were."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.ask = nn.Linear(width, 3 * width, bias=False)
        self.ago = nn.Parameter(torch.empty(heads, window, width // heads))
        self.answer = nn.Linear(width, width)

    def forward(self, heard: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """heard (B, T, width); keys and values of the steps before, (B, heads, P, width / heads).

        Returns what was found (B, T, width), and the keys and values that the next step may look back at.
        """
        batch, steps, width = heard.shape
        asked = self.ask(heard).reshape(batch, steps, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        queries, keys = asked[0], torch.cat([keys, asked[1]], dim=2)
        values = torch.cat([values, asked[2]], dim=2)
        length = keys.shape[2]
        scale = queries.shape[-1] ** -0.5
        # Distances beyond the window are masked: any vector does for them.
        near = min(length, self.window)
        by_distance = queries @ self.ago[:, :near].flip(1).transpose(1, 2)
        scores = skew(nn.functional.pad(by_distance, (length - near, 0))) * scale
        now = torch.arange(length - steps, length, device=heard.device)[:, None]
        distance = now - torch.arange(length, device=heard.device)
        scores = scores.masked_fill((distance < 0) | (distance >= self.window), -torch.inf)
        found = nn.functional.scaled_dot_product_attention(queries, keys, values, scores, scale=scale)
        answer: Tensor = self.answer(found.transpose(1, 2).reshape(batch, steps, width))
        kept = max(0, length - self.window + 1)
        return answer, keys[:, :, kept:], values[:, :, kept:]


class Block(nn.Module):
    """Attention, then two dense layers, each added to what it heard."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.attention = RelativeAttention(width, heads, window)
        self.dense = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, heard: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As RelativeAttention."""
        found, keys, values = self.attention(self.first(heard), keys, values)
        heard = heard + found
        return heard + self.dense(self.second(heard)), keys, values


class TransformerGenerator(Backbone):
    """The Music Transformer as a backbone.

    Its state is the keys and values of the last steps of every layer: a pair of (B, heads, P, hidden / heads) a layer,
    P below config.window. A step costs time and memory in proportion to the window.
    """

    def __init__(
        self, config: GeneratorConfig, latent: Latent, styles: int, codes: int, label_sizes: Sequence[int] = ()
    ) -> None:
        super().__init__(config, latent, styles, codes, label_sizes)
        self.blocks = nn.ModuleList(Block(config.hidden, config.heads, config.window) for _ in range(config.layers))
        self.last = nn.LayerNorm(config.hidden)

    def begin(self, style: Style) -> State:
        """As Backbone has it."""
        shape = (len(style.weights), self.config.heads, 0, self.config.hidden // self.config.heads)
        return tuple(self.places.new_zeros(shape) for _ in range(2 * self.config.layers))

    def listen(self, heard: Tensor, state: State) -> tuple[Tensor, State]:
        """As Backbone has it."""
        kept: list[Tensor] = []
        for layer, block in enumerate(self.blocks):
            heard, *later = block(heard, *state[2 * layer : 2 * layer + 2])
            kept += later
        return self.last(heard), tuple(kept)

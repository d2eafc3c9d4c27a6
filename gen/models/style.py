"""What makes one dataset sound unlike another: learned style tokens, attention over them, and learned labels.

After "Style Tokens" (Wang et al. 2018, arXiv:1803.09017), with one bank of tokens per dataset, so that the attention
can be summed up by dataset. It says which datasets conditioned a stretch of music, not whose notes are in it.
Labels (genre, era, artist, composer) are vectors that are added to the style as a whole.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Style(NamedTuple):
    """What music is asked for.

    weights: of the datasets, (B, styles), each row summing to 1. labels: the share of each label that a model knows,
    (B, labels), field after field; a field whose shares are all 0 is unknown. `labelled` makes it from indices.
    """

    weights: Tensor
    labels: Tensor

    @classmethod
    def of(cls, weights: Tensor) -> "Style":
        """Weights (B, styles) for a model that knows no labels."""
        return cls(weights, weights.new_zeros(len(weights), 0))


def labelled(indices: Tensor, sizes: Sequence[int]) -> Tensor:
    """Labels as shares (B, labels) from an index for each field, (B, fields); 0 is unknown.

    sizes: how many indices each field has, the 0 included.
    """
    fields = [nn.functional.one_hot(indices[:, field], size)[:, 1:].float() for field, size in enumerate(sizes)]
    return torch.cat(fields, dim=1) if fields else torch.zeros(len(indices), 0)


def mixed(styles: Sequence[Style], shares: Sequence[float]) -> Style:
    """A style between styles of one model: shares, none negative, are scaled to sum to 1.

    What one of them leaves unknown dilutes what the others say. Raises ValueError where the numbers differ, or no share
    is above 0.
    """
    if len(styles) != len(shares) or min(shares, default=0) < 0 or sum(shares) <= 0:
        raise ValueError("shares: give one for each style, none negative, one of them above 0")
    parts = [share / sum(shares) for share in shares]
    return Style(*(sum(part * one for part, one in zip(parts, of, strict=True)) for of in zip(*styles, strict=True)))


class StyleAttention(nn.Module):
    """Softmax attention from the generator's state to the style tokens of the datasets asked for."""

    def __init__(self, styles: int, tokens: int, size: int, query_size: int, labels: int = 0) -> None:
        """styles: how many datasets; tokens: per dataset; size: of a token; query_size: of the generator's state.

        labels: how many there are in all fields, those for "unknown" left out.
        """
        super().__init__()
        self.tokens = nn.Parameter(torch.empty(styles, tokens, size))
        self.labels = nn.Parameter(torch.empty(labels, size)) if labels else None
        self.query = nn.Linear(query_size, size, bias=False)
        self.sharpness = nn.Parameter(torch.tensor(math.log(4.0)))

    def base(self, style: Style) -> Tensor:
        """The style as a whole, (B, size)."""
        whole = style.weights @ self.tokens.mean(dim=1)
        return whole if self.labels is None else whole + style.labels @ self.labels

    def forward(self, state: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Attend: state (B, T, query_size), weights (B, styles) to context (B, T, size), attention (B, T, styles).

        The weights enter as a prior (their logarithm is added to the scores), so a dataset of weight 0 gets exactly 0.
        Queries and tokens are compared by cosine, which keeps the banks comparable although each is trained mostly
        alone. Each row of attention sums to 1.
        """
        styles, tokens, size = self.tokens.shape
        keys = nn.functional.normalize(self.tokens.reshape(styles * tokens, size), dim=-1)
        queries = nn.functional.normalize(self.query(state), dim=-1)
        scores = self.sharpness.exp() * (queries @ keys.T)
        prior = weights.clamp_min(0).log().repeat_interleave(tokens, dim=-1)
        attention = torch.softmax(scores + prior[:, None, :], dim=-1)
        context = attention @ self.tokens.reshape(styles * tokens, size)
        return context, attention.reshape(*attention.shape[:-1], styles, tokens).sum(dim=-1)

"""What makes one dataset sound unlike another: learned style tokens, and attention over them.

After "Style Tokens" (Wang et al. 2018, arXiv:1803.09017), with one bank of tokens per dataset, so that the attention
can be summed up by dataset. It says which datasets conditioned a stretch of music, not whose notes are in it.
"""

import math

import torch
from torch import Tensor, nn


class StyleAttention(nn.Module):
    """Softmax attention from the generator's state to the style tokens of the datasets asked for."""

    def __init__(self, styles: int, tokens: int, size: int, query_size: int) -> None:
        """styles: how many datasets; tokens: per dataset; size: of a token; query_size: of the generator's state."""
        super().__init__()
        self.tokens = nn.Parameter(torch.empty(styles, tokens, size))
        self.query = nn.Linear(query_size, size, bias=False)
        self.sharpness = nn.Parameter(torch.tensor(math.log(4.0)))

    def base(self, weights: Tensor) -> Tensor:
        """The style as a whole: weights (B, styles), each row summing to 1, to (B, size)."""
        return weights @ self.tokens.mean(dim=1)

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

"""The LSTM that walks from point to point: the backbone that is trained against a discriminator by default."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gen.models.backbone import Backbone, State
from gen.models.config import GeneratorConfig
from gen.models.latent import Latent
from gen.models.precision import exact
from gen.models.style import Style


class LstmGenerator(Backbone):
    """An LSTM as a backbone. Its state is hidden and cell, each (B, layers, hidden); the first one is learned."""

    def __init__(
        self, config: GeneratorConfig, latent: Latent, styles: int, codes: int, label_sizes: Sequence[int] = ()
    ) -> None:
        super().__init__(config, latent, styles, codes, label_sizes)
        self.lstm = nn.LSTM(config.hidden, config.hidden, config.layers, batch_first=True)
        self.start = nn.Linear(config.style_size, 2 * config.layers * config.hidden)

    def begin(self, style: Style) -> State:
        """As Backbone has it."""
        start = torch.tanh(self.start(self.style.base(style)))
        hidden, cell = start.reshape(-1, 2, self.config.layers, self.config.hidden).unbind(dim=1)
        return hidden, cell

    def listen(self, heard: Tensor, state: State) -> tuple[Tensor, State]:
        """As Backbone has it."""
        kind = self.lstm.weight_ih_l0.dtype
        hidden, cell = (part.transpose(0, 1).to(kind).contiguous() for part in state)
        # On a GPU autocast would take float16 for it, whatever it was told, and its gradients vanish there.
        with exact(heard):
            found, (hidden, cell) = self.lstm(heard.to(kind), (hidden, cell))
        return found, (hidden.transpose(0, 1), cell.transpose(0, 1))

"""One piece of music as it is walked, some steps at a time, by whichever way is fastest for the model."""

import torch

from gen.chance import Dice
from gen.lstm_loop import LstmLoop
from gen.models.backbone import Backbone
from gen.models.lstm_gan import LstmGenerator
from gen.models.style import Style
from gen.sampling import Daring, Run, Start, free_run


class Walk:
    """A free run of one row, with luck of its own.

    However many steps are taken at a time, and whatever else is walked beside it, it is the same music, bit for bit on
    one class of machines. The way follows from the model alone (an LSTM's loop is fused, gen.lstm_loop), never from
    what is installed, so that a replay takes the same one. Variations are several walks.
    """

    def __init__(
        self, model: Backbone, style: Style, daring: Daring, random: torch.Generator, start: Start | None = None
    ) -> None:
        """style: of one row. random: nobody else may draw from it. start: by default the beginning."""
        self._dice = Dice(random, len(model.places), model.config.noise_size)
        self._model, self._style, self._daring = model, style, daring
        self._loop = LstmLoop(model, style, daring, start) if isinstance(model, LstmGenerator) else None
        self._start = start

    def ask(self, style: Style) -> None:
        """Ask for another style from the next step on; luck and all that was heard stay."""
        self._style = style
        if self._loop is not None:
            self._loop.ask(style)

    @torch.no_grad()
    def go(self, steps: int) -> Run:
        """The next steps: points (1, steps, size), places, attention, and where it stands then."""
        chance = self._dice.roll(steps)
        if self._loop is not None:
            return self._loop.go(chance)
        run = free_run(self._model, self._style, self._daring, chance, self._start)
        self._start = run.end
        return run

"""The free run of an LSTM for one row: what `gen.sampling.free_run` does, several times faster.

torch spends most of a step on calls and on packing weights anew. Here the gates of a layer are one product of a matrix
and a vector; everything that depends on a place, a time or the style alone is worked out beforehand; and where to go is
only asked when a place is left. One row at a time and one thread, so that a row is the same bits whatever runs beside
it.

They are the same bits on other processors too (`gen.compiled_lstm`), if the model's weights are float64: a step hears
what the one before it rounded, and music that is made again elsewhere shall be the same.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gen.chance import Chance
from gen.models.backbone import LONG, Past, clock
from gen.models.lstm_gan import LstmGenerator
from gen.models.style import Style
from gen.sampling import Daring, Run, Start, beginning

_Floats = NDArray[np.float32]
_Doubles = NDArray[np.float64]


class LstmLoop:
    """One row's run, which can be gone on with. Points differ from eager's by float32's rounding only."""

    def __init__(self, model: LstmGenerator, style: Style, daring: Daring, start: Start | None = None) -> None:
        """style: of one row. start: of one row; by default the beginning. Both in the model's dtype, whose weights are
        copied."""
        from gen import compiled_lstm

        self._step, self._daring = compiled_lstm, daring
        with torch.no_grad():
            self._model, self._size, self._noise_size = model, model.latent.size, model.config.noise_size
            self._longest = np.append(_floats(model.longest), np.float32(0))
            self._places = _floats(model.places)
            self._take_layers(model)
            self._take_heads(model)
            self.ask(style)
            past, (hidden, cell) = start if start is not None else beginning(model, style)
        self._point, self._code = _floats(past.points[0, 0]), int(past.codes[0, 0])
        self._held = int(past.held[0, 0])
        self._heard, self._cell = np.tile(_floats(hidden[0]), 2), _floats(cell[0])

    @torch.no_grad()
    def ask(self, style: Style) -> None:
        """Ask for another style from the next step on."""
        self._style_base = _floats(self._enter_style @ self._model.style.base(style)[0])
        self._prior = _doubles(style.weights[0].clamp_min(0).log().repeat_interleave(self._each))
        self._known = _floats(self._model.known(style.weights)[0])

    def _take_layers(self, model: LstmGenerator) -> None:
        """Gates in the order input, forget, output, new; halved where sigmoid(x) is (1 + tanh(x / 2)) / 2."""
        hidden, lstm = model.config.hidden, model.lstm
        order = torch.arange(4 * hidden).reshape(4, hidden)[[0, 1, 3, 2]].flatten()
        half = torch.cat([torch.full((3 * hidden,), 0.5), torch.ones(hidden)])
        weights, biases = [], []
        for layer in range(model.config.layers):
            inner, outer = getattr(lstm, f"weight_ih_l{layer}"), getattr(lstm, f"weight_hh_l{layer}")
            bias = getattr(lstm, f"bias_ih_l{layer}") + getattr(lstm, f"bias_hh_l{layer}")
            weights.append(_columns(torch.cat([inner, outer], dim=1).float()[order] * half[:, None]))
            biases.append(_floats(bias[order] * half))
        self._hidden, self._layers = hidden, (np.stack(weights), np.stack(biases))

    def _take_heads(self, model: LstmGenerator) -> None:
        weight, size = model.enter.weight, self._size
        self._enter, self._enter_style = _columns(weight[:, :size]), weight[:, 2 * size : -2]
        self._enter_place = _floats(model.embedding @ weight[:, size : 2 * size].T + model.enter.bias)
        times = clock(torch.arange(LONG + 1)).to(weight.dtype)
        self._enter_time = _floats(times @ weight[:, -2:].T)
        tokens = model.style.tokens
        self._styles, self._each, size = tokens.shape
        self._tokens = _doubles(tokens.reshape(-1, size))
        self._query = _columns(model.style.query.weight)
        keys = torch.nn.functional.normalize(tokens.reshape(-1, size), dim=-1)
        self._keys = _doubles((model.style.sharpness.exp() * keys).T)
        self._leave, self._leave_bias = _doubles(model.leave.weight[0]), float(model.leave.bias)
        ask, _, answer = model.choose
        self._choose = _floats(ask.bias), _columns(ask.weight), _columns(answer.weight)
        self._choose_bias = _floats(answer.bias)
        ask, _, answer = model.move
        width = ask.weight.shape[1] - self._size - 2 - self._noise_size
        place, time, noise = ask.weight[:, width:].split([self._size, 2, self._noise_size], dim=1)
        self._move = _columns(torch.cat([ask.weight[:, :width], noise], dim=1)), _columns(answer.weight)
        self._move_place = _floats(model.embedding @ place.T + ask.bias)
        self._move_time = _floats(times @ time.T)
        self._arrive_place = self._places + _floats(answer.bias)

    def go(self, chance: Chance) -> Run:
        """Walk on for as many steps as there is luck, (1, T); returns what `free_run` would."""
        leave, where, noise = (_floats(part[0]) for part in chance)
        steps, step = len(leave), self._step
        points = np.empty((steps, self._size), np.float32)
        codes = np.empty(steps, np.int64)
        attention = np.empty((steps, self._styles), np.float32)
        # What is found, its context of style, and the step's noise, side by side.
        width = len(self._leave)
        context = np.empty(width + self._noise_size, np.float32)
        shares = np.empty(len(self._tokens))
        for t in range(steps):
            base = self._enter_place[self._code] + self._enter_time[min(self._held, LONG)] + self._style_base
            step.listen(base, self._point, self._enter, *self._layers, self._heard, self._cell)
            context[: self._hidden] = self._heard[-1, self._hidden :]
            step.attend(context[:width], self._query, self._keys, self._prior, self._tokens, shares)
            attention[t] = shares.reshape(self._styles, -1).sum(axis=1)
            likely = step.likelihood(context, self._leave, self._leave_bias)
            if leave[t] < likely or self._held >= self._longest[self._code]:
                self._code, self._held = self._choice(context[:width], where[t]), 1
            else:
                self._held += 1
            context[width:] = noise[t]
            base = self._move_place[self._code] + self._move_time[min(self._held, LONG)]
            step.dense(context, base, *self._move, self._point)
            self._point += self._arrive_place[self._code]
            points[t], codes[t] = self._point, self._code
        walked, places, parts = (torch.from_numpy(part)[None] for part in (points, codes, attention))
        return Run(walked, places, parts, self._start())

    def _choice(self, context: _Floats, where: _Floats) -> int:
        """As `draw_place`."""
        logits = np.empty(len(self._known), np.float32)
        self._step.dense(context, *self._choose, logits)
        logits += self._choose_bias
        logits += self._known
        logits /= np.float32(self._daring.temperature)
        if len(logits) > 1 and self._code < len(logits):
            logits[self._code] = -np.inf
        if self._daring.nucleus < 1:
            shares = np.exp(logits - logits.max(), dtype=np.float64)
            shares /= shares.sum()
            order = np.argsort(-shares, kind="stable")
            ordered = shares[order]
            logits[order[np.cumsum(ordered) - ordered >= self._daring.nucleus]] = -np.inf
        return int(np.argmax(logits + where))

    def _start(self) -> Start:
        return Start(
            Past(
                torch.from_numpy(self._point.copy())[None, None],
                torch.tensor([[self._code]]),
                torch.tensor([[self._held]]),
            ),
            (torch.from_numpy(self._heard[None, :, self._hidden :].copy()), torch.from_numpy(self._cell[None].copy())),
        )


def _floats(tensor: Tensor) -> _Floats:
    """A contiguous copy."""
    return np.array(tensor.detach().numpy(), np.float32, order="C")


def _doubles(tensor: Tensor) -> _Doubles:
    """A contiguous copy."""
    return np.array(tensor.detach().numpy(), np.float64, order="C")


def _columns(weight: Tensor) -> _Floats:
    """A matrix as `gen.compiled_lstm` takes it."""
    return _floats(weight.T)

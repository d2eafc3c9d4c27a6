"""The free run of an LSTM for one row, in numpy: what `gen.sampling.free_run` does, several times faster.

torch spends most of a step on calls and on packing weights anew. Here the gates of a layer are one product of a matrix
and a vector; everything that depends on a place, a time or the style alone is worked out beforehand; and where to go is
only asked when a place is left. One row at a time and one thread, so that a row is the same bits whatever runs beside
it.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import erf, expit
from torch import Tensor

from gen.chance import Chance
from gen.models.backbone import LONG, Past, clock
from gen.models.lstm_gan import LstmGenerator
from gen.models.style import Style
from gen.sampling import Daring, Run, Start, beginning

_Floats = NDArray[np.float32]
_TINY = np.float32(1e-12)
_HALF = np.float32(0.5)
_ROOT = np.float32(0.5**0.5)


class LstmLoop:
    """One row's run, which can be gone on with. Points differ from eager's by float32's rounding only."""

    def __init__(self, model: LstmGenerator, style: Style, daring: Daring, start: Start | None = None) -> None:
        """style: of one row. start: of one row; by default the beginning. The weights are copied."""
        from threadpoolctl import ThreadpoolController

        self._threads, self._daring = ThreadpoolController(), daring
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
        self._heard: list[_Floats] = [np.concatenate([h, h]) for h in _floats(hidden[0])]
        self._cell = _floats(cell[0])

    @torch.no_grad()
    def ask(self, style: Style) -> None:
        """Ask for another style from the next step on."""
        self._style_base = _floats(self._enter_style @ self._model.style.base(style)[0])
        self._prior = _floats(style.weights[0].clamp_min(0).log().repeat_interleave(self._each))
        self._known = _floats(self._model.known(style.weights)[0])

    def _take_layers(self, model: LstmGenerator) -> None:
        """Gates in the order input, forget, output, new; halved where sigmoid(x) is (1 + tanh(x / 2)) / 2."""
        hidden, lstm = model.config.hidden, model.lstm
        order = torch.arange(4 * hidden).reshape(4, hidden)[[0, 1, 3, 2]].flatten()
        half = torch.cat([torch.full((3 * hidden,), 0.5), torch.ones(hidden)])
        self._hidden, self._layers = hidden, []
        for layer in range(model.config.layers):
            inner, outer = getattr(lstm, f"weight_ih_l{layer}"), getattr(lstm, f"weight_hh_l{layer}")
            bias = getattr(lstm, f"bias_ih_l{layer}") + getattr(lstm, f"bias_hh_l{layer}")
            weight = torch.cat([inner, outer], dim=1)[order] * half[:, None]
            self._layers.append((_floats(weight), _floats(bias[order] * half)))

    def _take_heads(self, model: LstmGenerator) -> None:
        weight, size = model.enter.weight, self._size
        self._enter, self._enter_style = _floats(weight[:, :size]), weight[:, 2 * size : -2]
        self._enter_place = _floats(model.embedding @ weight[:, size : 2 * size].T + model.enter.bias)
        self._enter_time = _floats(clock(torch.arange(LONG + 1)) @ weight[:, -2:].T)
        tokens = model.style.tokens
        self._styles, self._each, size = tokens.shape
        self._tokens = _floats(tokens.reshape(-1, size).T)
        self._query = _floats(model.style.query.weight)
        keys = torch.nn.functional.normalize(tokens.reshape(-1, size), dim=-1)
        self._keys = _floats(model.style.sharpness.exp() * keys)
        self._leave, self._leave_bias = _floats(model.leave.weight[0]), float(model.leave.bias)
        ask, _, answer = model.choose
        self._choose = _floats(ask.weight), _floats(ask.bias), _floats(answer.weight), _floats(answer.bias)
        ask, _, answer = model.move
        width = ask.weight.shape[1] - self._size - 2 - self._noise_size
        place, time, noise = ask.weight[:, width:].split([self._size, 2, self._noise_size], dim=1)
        self._move = _floats(torch.cat([ask.weight[:, :width], noise], dim=1)), _floats(answer.weight)
        self._move_place = _floats(model.embedding @ place.T + ask.bias)
        self._move_time = _floats(clock(torch.arange(LONG + 1)) @ time.T)
        self._arrive_place = self._places + _floats(answer.bias)

    def go(self, chance: Chance) -> Run:
        """Walk on for as many steps as there is luck, (1, T); returns what `free_run` would."""
        # Several threads would share out a product in another way, and round otherwise.
        with self._threads.limit(limits=1, user_api="blas"):
            return self._go(*(_floats(part[0]) for part in chance))

    def _go(self, leave: _Floats, where: _Floats, noise: _Floats) -> Run:
        steps = len(leave)
        points = np.empty((steps, self._size), np.float32)
        codes = np.empty(steps, np.int64)
        attention = np.empty((steps, self._styles), np.float32)
        # What is found, its context of style, and the step's noise, side by side.
        width = len(self._leave)
        context = np.empty(width + self._noise_size, np.float32)
        for t in range(steps):
            context[: self._hidden] = self._listen()
            context[self._hidden : width], attention[t] = self._attend(context[: self._hidden])
            likely = expit(self._leave @ context[:width] + self._leave_bias)
            if leave[t] < likely or self._held >= self._longest[self._code]:
                self._code, self._held = self._choice(context[:width], where[t]), 1
            else:
                self._held += 1
            context[width:] = noise[t]
            ask, answer = self._move
            asked = ask @ context + self._move_place[self._code] + self._move_time[min(self._held, LONG)]
            self._point = answer @ _gelu(asked) + self._arrive_place[self._code]
            points[t], codes[t] = self._point, self._code
        walked, places, shares = (torch.from_numpy(part)[None] for part in (points, codes, attention))
        return Run(walked, places, shares, self._start())

    def _listen(self) -> _Floats:
        """Hear the last step: the LSTM's output, (hidden,)."""
        entered = self._enter @ self._point + self._enter_place[self._code] + self._enter_time[min(self._held, LONG)]
        entered += self._style_base
        found: _Floats = np.tanh(entered)
        size = self._hidden
        for layer, (weight, bias) in enumerate(self._layers):
            heard, cell = self._heard[layer], self._cell[layer]
            heard[:size] = found
            gates = weight @ heard
            gates += bias
            np.tanh(gates, out=gates)
            opening, (taken, kept, shown, new) = gates[: 3 * size], gates.reshape(4, size)
            opening *= _HALF
            opening += _HALF
            cell *= kept
            taken *= new
            cell += taken
            np.tanh(cell, out=new)
            found = np.multiply(new, shown, out=heard[size:])
        return found

    def _attend(self, found: _Floats) -> tuple[_Floats, _Floats]:
        """As StyleAttention: context of style (size,), attention (styles,)."""
        query = self._query @ found
        scores = self._keys @ (query / np.maximum(np.sqrt(query @ query), _TINY)) + self._prior
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        return self._tokens @ shares, shares.reshape(self._styles, -1).sum(axis=1)

    def _choice(self, context: _Floats, where: _Floats) -> int:
        """As `draw_place`."""
        ask, bias, answer, answer_bias = self._choose
        logits = answer @ _gelu(ask @ context + bias) + answer_bias + self._known
        logits /= np.float32(self._daring.temperature)
        if len(logits) > 1 and self._code < len(logits):
            logits[self._code] = -np.inf
        if self._daring.nucleus < 1:
            shares = np.exp(logits - logits.max())
            shares /= shares.sum()
            order = np.argsort(-shares, kind="stable")
            ordered = shares[order]
            logits[order[np.cumsum(ordered) - ordered >= self._daring.nucleus]] = -np.inf
        return int(np.argmax(logits + where))

    def _start(self) -> Start:
        hidden = np.stack([heard[self._hidden :] for heard in self._heard])
        return Start(
            Past(
                torch.from_numpy(self._point.copy())[None, None],
                torch.tensor([[self._code]]),
                torch.tensor([[self._held]]),
            ),
            (torch.from_numpy(hidden)[None], torch.from_numpy(self._cell.copy())[None]),
        )


def _floats(tensor: Tensor) -> _Floats:
    """A contiguous copy."""
    return np.array(tensor.detach().numpy(), np.float32, order="C")


def _gelu(values: _Floats) -> _Floats:
    half = values * _HALF
    values = erf(values * _ROOT)
    values += 1
    values *= half
    return values

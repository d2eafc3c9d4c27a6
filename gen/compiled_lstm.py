"""What an LSTM's free run does at each step, compiled by numba, with the same bits on every processor.

Sums of float32 are taken side by side for many rows, each from its first column to its last, and every operation is
rounded by itself; BLAS sums in an order that suits the processor, and takes as long, since both wait for the weights.
What has no exact result in an instruction is reckoned in float64 and rounded to float32 once: whoever wrote the
exponential, it comes to the same, but for chances of about one in 10**8.

Importing this imports numba. Arrays are contiguous; matrices have a row for each column of theirs, so that those that
are summed lie side by side.
"""

import math

import numpy as np
from numpy.typing import NDArray

from gen.numba_cache import compiled

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


def _convergent(terms: int) -> tuple[Doubles, Doubles]:
    """Of Lambert's continued fraction tanh(x) = x / (1 + u / (3 + u / (5 + ...))), u = x * x, so many terms.

    Two polynomials in u, the highest power first, of which x times the one by the other is tanh(x).
    """
    above, below = np.array([1.0]), np.array([2.0 * terms - 1])
    for number in range(2 * terms - 3, 0, -2):
        above, below = below, np.polyadd(number * below, np.append(above, 0.0))
    return above / below[-1], below / below[-1]


_ABOVE, _BELOW = _convergent(16)
"""Up to _MOST they are within 2e-11."""
_MOST = 9.02
"""From here on tanh is 1 in float32."""
_ROOT = math.sqrt(0.5)


@compiled
def multiply(matrix: Floats, vector: Floats, found: Floats) -> None:
    """Fill in found (rows,): the product of a matrix (columns, rows) with a vector (columns,)."""
    count, rows = matrix.shape
    whole = count - count % 8
    for r in range(rows):
        found[r] = np.float32(0)
    for k in range(0, whole, 8):  # so many at once, or it would wait for what it found so far
        a, b, c, d = vector[k], vector[k + 1], vector[k + 2], vector[k + 3]
        e, f, g, h = vector[k + 4], vector[k + 5], vector[k + 6], vector[k + 7]
        for r in range(rows):
            total = found[r] + matrix[k, r] * a
            total += matrix[k + 1, r] * b
            total += matrix[k + 2, r] * c
            total += matrix[k + 3, r] * d
            total += matrix[k + 4, r] * e
            total += matrix[k + 5, r] * f
            total += matrix[k + 6, r] * g
            total += matrix[k + 7, r] * h
            found[r] = total
    for k in range(whole, count):
        one = vector[k]
        for r in range(rows):
            found[r] += matrix[k, r] * one


@compiled
def gelu(values: Floats) -> None:
    """Replace each value x by x * P(normal < x)."""
    for i in range(values.size):
        exact = np.float64(values[i])
        values[i] = 0.5 * exact * math.erfc(-exact * _ROOT)  # 1 + erf(x) would cancel below 0


@compiled
def listen(
    base: Floats, point: Floats, enter: Floats, weights: Floats, bias: Floats, heard: Floats, cell: Floats
) -> None:
    """Hear a point (size,): the layers of an LSTM after a dense one.

    base: what is added to enter's product. weights (layers, 2 * hidden, 4 * hidden) and bias (layers, 4 * hidden): of
    gates in the order input, forget, output, new; of the first three, half. heard: (layers, 2 * hidden), what each
    layer heard and then what it found; cell: (layers, hidden). Both are as the step before left them, and brought on.
    """
    layers, hidden = cell.shape
    found, gates = np.empty(hidden, np.float32), np.empty(4 * hidden, np.float32)
    half = np.float32(0.5)
    multiply(enter, point, found)
    for i in range(hidden):
        found[i] += base[i]
    _tanh(found)
    for layer in range(layers):
        for i in range(hidden):
            heard[layer, i] = found[i]
        multiply(weights[layer], heard[layer], gates)
        for i in range(4 * hidden):
            gates[i] += bias[layer, i]
        _tanh(gates)
        for i in range(3 * hidden):
            gates[i] = gates[i] * half + half
        for i in range(hidden):
            found[i] = cell[layer, i] * gates[hidden + i] + gates[i] * gates[3 * hidden + i]
            cell[layer, i] = found[i]
        _tanh(found)
        for i in range(hidden):
            found[i] *= gates[2 * hidden + i]
            heard[layer, hidden + i] = found[i]


@compiled
def attend(context: Floats, query: Floats, keys: Doubles, prior: Doubles, tokens: Doubles, shares: Doubles) -> None:
    """Fill in the second part of context (hidden + size,), from the first, and the shares of tokens (tokens,).

    query: (hidden, size). keys: (size, tokens). tokens: (tokens, size).
    """
    size, count = keys.shape
    asked = np.empty(size, np.float32)
    multiply(query, context[: len(query)], asked)
    square = 0.0
    for i in range(size):
        square += np.float64(asked[i]) * np.float64(asked[i])
    length = max(math.sqrt(square), 1e-12)
    for token in range(count):
        shares[token] = prior[token]
    for i in range(size):
        for token in range(count):
            shares[token] += keys[i, token] * (asked[i] / length)
    highest, total = -math.inf, 0.0
    for token in range(count):
        highest = max(highest, shares[token])
    for token in range(count):
        shares[token] = math.exp(shares[token] - highest)
        total += shares[token]
    found = np.zeros(size)
    for token in range(count):
        shares[token] /= total
        for i in range(size):
            found[i] += shares[token] * tokens[token, i]
    for i in range(size):
        context[len(query) + i] = found[i]


@compiled
def likelihood(context: Floats, weights: Doubles, bias: float) -> float:
    """The logistic function of a weighted sum."""
    total = bias
    for i in range(weights.size):
        total += weights[i] * context[i]
    return 1 / (1 + math.exp(-total))


@compiled
def dense(heard: Floats, base: Floats, ask: Floats, answer: Floats, found: Floats) -> None:
    """Fill in found: two dense layers, GELU between them; base is the first one's bias, and the second has none."""
    asked = np.empty(ask.shape[1], np.float32)
    multiply(ask, heard, asked)
    for i in range(asked.size):
        asked[i] += base[i]
    gelu(asked)
    multiply(answer, asked, found)


@compiled
def _tanh(values: Floats) -> None:
    """Replace each value by its hyperbolic tangent."""
    count = values.size
    x, u = np.empty(count), np.empty(count)
    above, below = np.empty(count), np.empty(count)
    for i in range(count):
        x[i] = min(max(np.float64(values[i]), -_MOST), _MOST)
        u[i] = x[i] * x[i]
        above[i] = below[i] = 0.0
    for factor in _ABOVE:
        for i in range(count):
            above[i] = above[i] * u[i] + factor
    for factor in _BELOW:
        for i in range(count):
            below[i] = below[i] * u[i] + factor
    for i in range(count):
        values[i] = x[i] * above[i] / below[i]

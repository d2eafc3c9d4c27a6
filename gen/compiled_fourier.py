"""Fourier transforms of several frames side by side, compiled by numba for the processor it runs on.

A transform is the same operations for every frame. Where as many frames as a vector has numbers lie side by side, each
operation is one of a vector, and no number ever has to change its place in one. scipy's transforms are compiled for the
oldest processors of a kind, and take four frames at once.

Compilers do not see by themselves that four rows never overlap, so a butterfly is written in LLVM's own vectors. Each
operation is rounded by itself, in any width: all processors give the same bits.

Importing this imports numba, which has to be there.
"""

from math import prod
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from gen.numba_cache import compiled

# Frames side by side: a vector of AVX-512, two of AVX2, four of SSE and NEON. numba's cache does not see that it
# changes: whoever changes it empties `__pycache__`, since gen/compiled_lane.py and gen/compiled_refinement.py are
# compiled with it.
SIDE: Final = 16
SIZE: Final = 1024
# A row holds a sample, or a bin, of all frames: their real parts and then their imaginary ones.
ROW: Final = 2 * SIDE
CACHE_LINE: Final = 64


def aligned(*shape: int) -> NDArray[np.float32]:
    """Empty memory that begins with a cache line."""
    size = prod(shape)
    memory = np.empty(size + CACHE_LINE // 4, np.float32)
    start = -int(memory.ctypes.data) % CACHE_LINE // 4
    return memory[start : start + size].reshape(shape)


def _turns() -> NDArray[np.float32]:
    """The factors of all butterflies in the order in which `forward` needs them: cosines and sines, three of each."""
    spans = [SIZE >> (2 * level) for level in range(5)]
    angles = [-2 * np.pi * np.outer(np.arange(span // 4), (1, 2, 3)).ravel() / span for span in spans]
    angle = np.concatenate(angles)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).ravel().astype(np.float32)


def _places() -> NDArray[np.intp]:
    """In which row `forward` leaves each bin: the number's five digits to the base of four, backwards."""
    places = np.zeros(SIZE, np.intp)
    for level in range(5):
        places += (np.arange(SIZE) >> (2 * level) & 3) << (2 * (4 - level))
    return places


TURNS: Final = _turns()
PLACES: Final = _places()


def _butterfly(back: bool) -> Any:
    """An intrinsic of numba: one butterfly of radix 4, in place.

    Its arguments are rows (float32, flat), where in them the four rows begin, the factors, and where in them its three
    begin. Forwards it turns after adding (decimation in frequency), backwards it undoes that without the factor of 4.
    """

    def typed(context: Any, rows: Any, a: Any, b: Any, c: Any, d: Any, turns: Any, at: Any) -> Any:
        signature = types.void(rows, types.intp, types.intp, types.intp, types.intp, turns, types.intp)
        return signature, (lambda *known: _emit(back, *known))

    return intrinsic(typed)


def _emit(back: bool, context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    vector = ir.VectorType(ir.FloatType(), SIDE)
    nothing = ir.Constant(vector, ir.Undefined)
    rows = context.make_array(signature.args[0])(context, builder, arguments[0]).data
    turns = context.make_array(signature.args[5])(context, builder, arguments[5]).data
    add, subtract, multiply = builder.fadd, builder.fsub, builder.fmul

    def place(row: Any, part: int) -> Any:
        start = builder.add(row, ir.Constant(row.type, part * SIDE))
        return builder.bitcast(builder.gep(rows, [start]), vector.as_pointer())

    def load(row: Any, part: int) -> Any:
        value = builder.load(place(row, part))
        value.align = CACHE_LINE
        return value

    def store(value: Any, row: Any, part: int) -> None:
        builder.store(value, place(row, part)).align = CACHE_LINE

    def factor(number: int) -> Any:
        start = builder.add(arguments[6], ir.Constant(arguments[6].type, number))
        one = builder.insert_element(nothing, builder.load(builder.gep(turns, [start])), ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(ir.IntType(32), SIDE), [0] * SIDE))

    def plus(x: Any, y: Any) -> Any:
        return add(x[0], y[0]), add(x[1], y[1])

    def minus(x: Any, y: Any) -> Any:
        return subtract(x[0], y[0]), subtract(x[1], y[1])

    def plus_i(x: Any, y: Any) -> Any:
        return subtract(x[0], y[1]), add(x[1], y[0])

    def minus_i(x: Any, y: Any) -> Any:
        return add(x[0], y[1]), subtract(x[1], y[0])

    def turned(x: Any, w: Any) -> Any:
        real, imaginary = multiply(x[0], w[0]), multiply(x[1], w[0])
        if back:
            return add(real, multiply(x[1], w[1])), subtract(imaginary, multiply(x[0], w[1]))
        return subtract(real, multiply(x[1], w[1])), add(imaginary, multiply(x[0], w[1]))

    values = [(load(row, 0), load(row, 1)) for row in arguments[1:5]]
    factors = [(factor(2 * number), factor(2 * number + 1)) for number in range(3)]
    if back:
        values[1:] = [turned(x, w) for x, w in zip(values[1:], factors, strict=True)]
    even, odd = plus(values[0], values[2]), plus(values[1], values[3])
    rest, turning = minus(values[0], values[2]), minus(values[1], values[3])
    one, three = (plus_i, minus_i) if back else (minus_i, plus_i)
    results = [plus(even, odd), one(rest, turning), minus(even, odd), three(rest, turning)]
    if not back:
        results[1:] = [turned(x, w) for x, w in zip(results[1:], factors, strict=True)]
    for row, result in zip(arguments[1:5], results, strict=True):
        store(result[0], row, 0)
        store(result[1], row, 1)
    return context.get_dummy_value()


_forward_butterfly = _butterfly(back=False)
_backward_butterfly = _butterfly(back=True)


@compiled
def forward(rows: NDArray[np.float32], turns: NDArray[np.float32]) -> None:
    """Transform SIDE frames of SIZE complex samples in place; bin k is in row PLACES[k] then.

    rows: float32 (SIZE * ROW,), beginning with a cache line. turns: TURNS.
    """
    at = 0
    span = SIZE
    while span > 1:
        quarter = span // 4
        for offset in range(quarter):
            for start in range(0, SIZE, span):
                a = (start + offset) * ROW
                b = a + quarter * ROW
                c = b + quarter * ROW
                _forward_butterfly(rows, a, b, c, c + quarter * ROW, turns, at)
            at += 6
        span = quarter


@compiled
def backward(rows: NDArray[np.float32], turns: NDArray[np.float32]) -> None:
    """From bins, in rows as `forward` leaves them, to SIZE times the samples."""
    end = turns.size
    span = 4
    while span <= SIZE:
        quarter = span // 4
        end -= 6 * quarter
        for offset in range(quarter):
            for start in range(0, SIZE, span):
                a = (start + offset) * ROW
                b = a + quarter * ROW
                c = b + quarter * ROW
                _backward_butterfly(rows, a, b, c, c + quarter * ROW, turns, end + 6 * offset)
        span *= 4

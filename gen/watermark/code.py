"""A tail-biting convolutional code and its soft decoder.

The code starts in the state in which it ends (Ma and Wolf, "On Tail Biting Convolutional Codes", 1986), so that no
zero bits have to be sent: of 104 bits that saves an eighth. It is decoded by the Viterbi algorithm wrapped around the
circle at least twice, in which each round starts with what the one before has learned.
"""

from collections.abc import Iterator
from functools import cached_property
from itertools import count, islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gen.errors import WrongLength

ROUNDS: Final = 2
"""Around the circle. Where noise is as strong as the code bears, a third finds the best word a little more often."""


class TailBitingCode:
    """A feed-forward convolutional code without beginning or end.

    `generators` are the taps of each output as integers of `constraint` bits whose highest bit is the oldest input;
    every generator has its highest bit set (which halves the decoder's table).
    """

    def __init__(self, generators: tuple[int, ...], constraint: int) -> None:
        if any(generator >> (constraint - 1) != 1 for generator in generators):
            raise WrongLength(f"every generator of the code needs exactly {constraint} bits")
        self.generators = generators
        self.constraint = constraint

    @cached_property
    def _outputs(self) -> NDArray[np.intp]:
        """For each content of the register its output bits, packed into one number."""
        registers = np.arange(1 << self.constraint, dtype=np.uint32)
        packed = np.zeros(len(registers), np.intp)
        for place, generator in enumerate(self.generators):
            packed |= (np.bitwise_count(registers & np.uint32(generator)) & 1).astype(np.intp) << place
        return packed

    @cached_property
    def _signs(self) -> NDArray[np.float32]:
        """For each packed output its bits as +1 (zero) and -1 (one)."""
        rate = len(self.generators)
        bits = (np.arange(1 << rate)[:, None] >> np.arange(rate)) & 1
        return (1 - 2 * bits).astype(np.float32)

    @cached_property
    def _factors(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The output signs of each register whose oldest bit is zero, newest bit first, as products of two factors.

        A parity is the product of the parities of two parts: float32 (newer parts, outputs) and (outputs, older parts).
        """
        bits = self.constraint - 1
        older = bits // 2
        mirrored = np.array([int(f"{number:0{bits}b}"[::-1], 2) for number in range(1 << bits)])
        # Turned round, the lowest bits of a register are its newest.
        signs = self._signs[self._outputs[mirrored]]
        return signs[:: 1 << older].copy(), signs[: 1 << older].T.copy()

    def length(self, bits: int) -> int:
        """How many code bits `bits` message bits take."""
        return bits * len(self.generators)

    def encode(self, bits: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Code bits of a message (0 and 1) as signs: float32, +1 for zero and -1 for one.

        Raises WrongLength for a message shorter than the register.
        """
        if len(bits) < self.constraint:
            raise WrongLength(f"a message has at least {self.constraint} bits, not {len(bits)}")
        register, mask = 0, (1 << self.constraint) - 1
        for bit in bits[-(self.constraint - 1) :].tolist():
            register = ((register << 1) | bit) & mask
        path = []
        for bit in bits.tolist():
            register = ((register << 1) | bit) & mask
            path.append(self._outputs[register])
        return self._signs[path].ravel()

    def decode(self, soft: NDArray[np.float32], rounds: int = ROUNDS) -> NDArray[np.uint8]:
        """The message whose code word correlates best with `soft` (any scale; 0 is an erasure), nearly always.

        rounds: how often the decoder goes around the circle, at least twice (ValueError).
        """
        return next(islice(self.decodings(soft), rounds - ROUNDS, None))

    def decodings(self, soft: NDArray[np.float32]) -> Iterator[NDArray[np.uint8]]:
        """What `decode` finds after ROUNDS rounds, after one more, and so on; none is gone twice."""
        symbols = np.asarray(soft, np.float32).reshape(-1, len(self.generators))
        # The decoder's register has the newest bit highest: two states next to each other, which differ in the oldest
        # bit alone, lead to the same two. Every generator sees the oldest bit, so the metric of the second is minus
        # that of the first.
        states = 1 << (self.constraint - 1)
        half = states // 2
        outer, inner = self._factors
        metric = np.zeros(states, np.float32)
        low, high = np.empty((2, 2, half), np.float32)
        paths: list[NDArray[np.bool_]] = []
        for rounds in count(1):
            choices = np.empty((len(symbols), 2, half), bool)
            for symbol, choice in zip(symbols, choices, strict=True):
                gain = ((outer * symbol) @ inner).reshape(2, half)
                np.add(metric[0::2], gain, out=low)
                np.subtract(metric[1::2], gain, out=high)
                np.greater(high, low, out=choice)
                np.maximum(low, high, out=metric.reshape(2, half))
            paths.extend(choices.reshape(-1, states))
            if rounds < ROUNDS:
                continue
            state, bits = int(np.argmax(metric)), []
            for path in paths[:0:-1]:
                bits.append(state >> (self.constraint - 2))
                state = ((state << 1) & (states - 1)) | int(path[state])
            # The last bits of the last round have seen no future yet, but the end of the circle is its beginning: the
            # middle of all rounds has seen both sides.
            bits = bits[::-1]
            first = (rounds - 1) * len(symbols) // 2
            circle = bits[first - 1 : first - 1 + len(symbols)]
            yield np.roll(np.array(circle, np.uint8), first)

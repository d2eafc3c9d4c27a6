"""What the mark says: a 64-bit id under a 32-bit authentication tag, in a convolutional code.

Everything that depends on the key comes from here. `derive` is the key schedule: HMAC-SHA-256 (RFC 2104) of a label,
stretched with SHAKE-256 (FIPS 202), so that a mark written today is read by any later version of numpy or Python.

The code has the rate 1/6 and the constraint length 15 of the one that Mars Pathfinder used (JPL TDA Progress Report
42-129); free distance 56. It is terminated with 14 zero bits and decoded by the Viterbi algorithm on soft values.
"""

import hashlib
import hmac
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gen.errors import WrongLength

ID_BYTES: Final = 8
TAG_BYTES: Final = 4
MINIMUM_KEY_BYTES: Final = 16

# The key of the public layer: published, so that anybody can read the mark. Whoever knows a key can also write it,
# so this layer names a track but cannot by itself prove who made it; the signed record does.
PUBLIC_KEY: Final = hashlib.sha256(b"stemmata: public watermark layer, version 1").digest()


def derive(key: bytes, label: str, size: int) -> bytes:
    """Stretch `key` into `size` bytes for one purpose; different labels give independent bytes.

    Raises WrongLength for a key of fewer than 16 bytes.
    """
    if len(key) < MINIMUM_KEY_BYTES:
        raise WrongLength(f"a watermark key has at least {MINIMUM_KEY_BYTES} bytes, not {len(key)}")
    seed = hmac.new(key, b"stemmata-watermark-1/" + label.encode(), hashlib.sha256).digest()
    return hashlib.shake_256(seed).digest(size)


def tag(key: bytes, identity: bytes) -> bytes:
    """The first 4 bytes of HMAC-SHA-256 over the 8 bytes of an id, under a key derived for this purpose."""
    return hmac.new(derive(key, "tag", 32), identity, hashlib.sha256).digest()[:TAG_BYTES]


class ConvolutionalCode:
    """A terminated feed-forward convolutional code.

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

    def length(self, bits: int) -> int:
        """How many code bits `bits` message bits take."""
        return (bits + self.constraint - 1) * len(self.generators)

    def encode(self, bits: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Code bits of a message (0 and 1) as signs: float32, +1 for zero and -1 for one."""
        register, mask = 0, (1 << self.constraint) - 1
        path = []
        for bit in [*bits.tolist(), *[0] * (self.constraint - 1)]:
            register = ((register << 1) | bit) & mask
            path.append(self._outputs[register])
        return self._signs[path].ravel()

    def decode(self, soft: NDArray[np.float32]) -> NDArray[np.uint8]:
        """The message whose code word correlates best with `soft` (any scale; 0 is an erasure)."""
        symbols = np.asarray(soft, np.float32).reshape(-1, len(self.generators))
        # A register holds the older state and the new bit. The two registers that lead to one state differ in the
        # oldest bit alone, which every generator sees: the metric of the second is minus that of the first.
        states = 1 << (self.constraint - 1)
        half = states // 2
        table = (self._signs @ symbols.T).T
        index = self._outputs[:states]
        metric = np.full(states, -1e30, np.float32)
        metric[0] = 0
        choices = np.empty((len(symbols), states), bool)
        for step, branch in enumerate(table):
            gain = branch[index]
            low = np.repeat(metric[:half], 2) + gain
            high = np.repeat(metric[half:], 2) - gain
            np.greater(high, low, out=choices[step])
            metric = np.maximum(low, high)
        state, bits = 0, []
        for choice in choices[::-1]:
            bits.append(state & 1)
            state = (state >> 1) | (half if choice[state] else 0)
        return np.array(bits[::-1][: len(symbols) - self.constraint + 1], np.uint8)


CODE: Final = ConvolutionalCode((0o46321, 0o51271, 0o63667, 0o70535, 0o73277, 0o76513), 15)
CODE_BITS: Final = CODE.length(8 * (ID_BYTES + TAG_BYTES))


def encode(key: bytes, identity: bytes) -> NDArray[np.float32]:
    """The code word of an id: CODE_BITS (660) signs. Raises WrongLength unless the id has 8 bytes."""
    if len(identity) != ID_BYTES:
        raise WrongLength(f"a watermark id has {ID_BYTES} bytes, not {len(identity)}")
    return CODE.encode(np.unpackbits(np.frombuffer(identity + tag(key, identity), np.uint8)))


def decode(key: bytes, soft: NDArray[np.float32]) -> bytes | None:
    """The id in CODE_BITS soft values, or None when its tag does not fit.

    On audio that does not depend on the key a tag fits with probability 2**-32.
    """
    message = np.packbits(CODE.decode(soft)).tobytes()
    identity, found = message[:ID_BYTES], message[ID_BYTES:]
    return identity if hmac.compare_digest(found, tag(key, identity)) else None

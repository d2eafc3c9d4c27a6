"""What the mark says: an id of 64 (or 128) bits under a 40-bit authentication tag, in a tail-biting code.

Everything that depends on the key comes from here. `derive` is the key schedule: HMAC-SHA-256 (RFC 2104) of a label,
stretched with SHAKE-256 (FIPS 202), so that a mark written today is read by any later version of numpy or Python.

The code has the rate 1/6 and the constraint length 15 of the one that Mars Pathfinder used (JPL TDA Progress Report
42-129).
"""

import hashlib
import hmac
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gen.errors import WrongLength
from gen.watermark.code import TailBitingCode

ID_BYTES: Final = 8
LONG_ID_BYTES: Final = 16
TAG_BYTES: Final = 5
MINIMUM_KEY_BYTES: Final = 16

# The key of the public layer: published, so that anybody can read the mark. Whoever knows a key can also write it,
# so this layer names a track but cannot by itself prove who made it; the signed record does.
PUBLIC_KEY: Final = hashlib.sha256(b"stemmata: public watermark layer, version 1").digest()

CODE: Final = TailBitingCode((0o46321, 0o51271, 0o63667, 0o70535, 0o73277, 0o76513), 15)


def derive(key: bytes, label: str, size: int) -> bytes:
    """Stretch `key` into `size` bytes for one purpose; different labels give independent bytes.

    Raises WrongLength for a key of fewer than 16 bytes.
    """
    if len(key) < MINIMUM_KEY_BYTES:
        raise WrongLength(f"a watermark key has at least {MINIMUM_KEY_BYTES} bytes, not {len(key)}")
    seed = hmac.new(key, b"stemmata-watermark-2/" + label.encode(), hashlib.sha256).digest()
    return hashlib.shake_256(seed).digest(size)


def tag(key: bytes, identity: bytes) -> bytes:
    """The first 5 bytes of HMAC-SHA-256 over an id, under a key derived for this purpose."""
    return hmac.new(derive(key, "tag", 32), identity, hashlib.sha256).digest()[:TAG_BYTES]


def beginning(key: bytes, identity: bytes, period: int) -> int:
    """In which tile of the period the mark of an id begins, 0 to period - 1.

    Two marked tracks that start together in a mix are told apart by it, and tracks laid over each other do not add up
    to the pattern of the key.
    """
    digest = hmac.new(derive(key, "beginning", 32), identity, hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") % period


def code_bits(id_bytes: int) -> int:
    """How many code bits an id of this many bytes takes: 624 for 8 bytes, 1008 for 16.

    Raises WrongLength for another size.
    """
    if id_bytes not in (ID_BYTES, LONG_ID_BYTES):
        raise WrongLength(f"a watermark id has {ID_BYTES} bytes (or {LONG_ID_BYTES}, if asked for), not {id_bytes}")
    return CODE.length(8 * (id_bytes + TAG_BYTES))


def encode(key: bytes, identity: bytes) -> NDArray[np.float32]:
    """The code word of an id: signs, float32, `code_bits` of them. Raises WrongLength unless it has 8 or 16 bytes."""
    code_bits(len(identity))
    return CODE.encode(np.unpackbits(np.frombuffer(identity + tag(key, identity), np.uint8)))


def decode(key: bytes, soft: NDArray[np.float32]) -> bytes | None:
    """The id in `code_bits` soft values, or None when its tag does not fit.

    On audio that does not depend on the key a tag fits with probability 2**-40.
    """
    return next(decodings(key, soft))[0]


def decodings(key: bytes, soft: NDArray[np.float32]) -> Iterator[tuple[bytes | None, NDArray[np.uint8]]]:
    """What `decode` finds, and then what each more round of the decoder does, each with the bits that were decoded.

    See `TailBitingCode.decodings`.
    """
    for bits in CODE.decodings(soft):
        message = np.packbits(bits).tobytes()
        identity, found = message[:-TAG_BYTES], message[-TAG_BYTES:]
        yield identity if hmac.compare_digest(found, tag(key, identity)) else None, bits

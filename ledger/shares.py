"""Shares of a track's income, and the Merkle sum tree by which each holder proves one (contracts/Shares.sol).

A node is hashed together with the sums of the shares on both sides. So a proof shows where a share's interval begins in
one whole, and the intervals of one tree cannot overlap. The shape is that of RFC 9162 section 2.1: an odd node at the
end of a level moves up as it is. A leaf is hashed behind a 00 and a node behind a 01.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from ledger import canonical
from ledger.address import Address
from ledger.errors import ArgumentRefused, MalformedRecord, NotFound, ProofInvalid
from ledger.records.fields import Fields, read_object

Kind: TypeAlias = Literal["account", "dataset", "model"]

TYPE = "urn:stemmata:shares:v1"
WHOLE_PPM = 1_000_000

_KINDS: tuple[Kind, ...] = get_args(Kind)
_NOBODY = Address(bytes(20))


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the income of a track, and whose it is.

    Attributes:
        kind: what ``holder`` is; a dataset's or model's share goes to whoever owns the token when it is paid.
        holder: an account's address, or the token of a dataset or model, 1 to 2**53 - 1.
        ppm: parts per million, 1 to 1,000,000.
    """

    kind: Kind
    holder: Address | int
    ppm: int

    def __post_init__(self) -> None:
        """Raises :class:`ArgumentRefused`, field first."""
        if self.kind not in _KINDS:
            raise ArgumentRefused(f"kind: {self.kind!r} is none of {', '.join(_KINDS)}")
        if self.kind == "account":
            if not isinstance(self.holder, Address):
                raise ArgumentRefused(f"holder: an account is named by its address, not by {self.holder!r}")
            if self.holder == _NOBODY:
                raise ArgumentRefused("holder: what is paid to the zero address is lost")
        elif type(self.holder) is not int or not 1 <= self.holder <= canonical.LARGEST_INTEGER:
            raise ArgumentRefused(f"holder: {self.holder!r} is not the number of a {self.kind}, counted from 1")
        if type(self.ppm) is not int or not 1 <= self.ppm <= WHOLE_PPM:
            raise ArgumentRefused(f"ppm: {self.ppm!r} is not within 1..{WHOLE_PPM}")

    @property
    def arguments(self) -> tuple[int, int, int]:
        """The share as the contracts' struct: kind, holder, ppm."""
        holder = int.from_bytes(self.holder.raw, "big") if isinstance(self.holder, Address) else self.holder
        return _KINDS.index(self.kind), holder, self.ppm

    def to_json(self) -> dict[str, Any]:
        """The share in JSON: an address in its checksummed spelling, a token as a number."""
        holder = str(self.holder) if isinstance(self.holder, Address) else self.holder
        return {"kind": self.kind, "holder": holder, "ppm": self.ppm}

    @classmethod
    def read(cls, fields: Fields) -> Share:
        """What :meth:`to_json` wrote. Raises :class:`MalformedRecord`, field first."""
        kind: Any = fields.text("kind")
        holder = fields.address("holder") if kind == "account" else fields.integer("holder")
        try:
            return cls(kind, holder, fields.integer("ppm"))
        except ArgumentRefused as error:
            raise MalformedRecord(str(error)) from None


@dataclass(frozen=True, slots=True)
class Sibling:
    """A node beside the way from a share up to the root.

    Attributes:
        hash: the node's, 32 bytes.
        ppm: parts per million of all shares below it, 0 to 1,000,000.
        left: whether it lies to the left of the way.
    """

    hash: bytes
    ppm: int
    left: bool

    def __post_init__(self) -> None:
        """Raises :class:`ArgumentRefused`, field first."""
        if len(self.hash) != 32:
            raise ArgumentRefused(f"hash: a node's has 32 bytes, not {len(self.hash)}")
        if not 0 <= self.ppm <= WHOLE_PPM:
            raise ArgumentRefused(f"ppm: {self.ppm} is not within 0..{WHOLE_PPM}")


@dataclass(frozen=True, slots=True)
class ShareProof:
    """That a share is part of a tree, with its interval beginning at ``start`` ppm; ``path`` goes from the leaf up."""

    share: Share
    start: int
    path: tuple[Sibling, ...]

    @property
    def arguments(self) -> tuple[tuple[int, int, int], tuple[tuple[bytes, int, bool], ...]]:
        """Share and path as ``pullProven`` and ``propose`` take them (contracts/Split.sol, contracts/Epochs.sol)."""
        return self.share.arguments, tuple((other.hash, other.ppm, other.left) for other in self.path)

    def verify(self, root: bytes) -> None:
        """Raise :class:`ProofInvalid` unless the share leads to ``root`` (32 bytes) and begins where it says."""
        reached, start = climb(self.share, self.path)
        if reached != root:
            raise ProofInvalid(f"the share leads to {reached.hex()}, not to the root {root.hex()}")
        if start != self.start:
            raise ProofInvalid(f"the share begins at {start} ppm, not at {self.start}")


class ShareTree:
    """The tree over the shares of one epoch, in their order; the order is part of the root."""

    def __init__(self, shares: Sequence[Share]) -> None:
        """Hash every share and node. Raises :class:`ArgumentRefused` unless the shares make 1,000,000 ppm in all."""
        self.shares = tuple(shares)
        whole = sum(share.ppm for share in self.shares)
        if whole != WHOLE_PPM:
            raise ArgumentRefused(f"the shares sum to {whole} ppm, not {WHOLE_PPM}")
        self._levels = [[(_leaf_hash(share), share.ppm) for share in self.shares]]
        while len(below := self._levels[-1]) > 1:
            level = [
                (_node_hash(*below[place], *below[place + 1]), below[place][1] + below[place + 1][1])
                for place in range(0, len(below) - 1, 2)
            ]
            if len(below) & 1:
                level.append(below[-1])
            self._levels.append(level)

    def __len__(self) -> int:
        return len(self.shares)

    @property
    def root(self) -> bytes:
        """What is proposed to a split, 32 bytes."""
        return self._levels[-1][0][0]

    def proof(self, index: int) -> ShareProof:
        """The proof for the share at ``index``, from 0. Raises :class:`NotFound` beyond the last share."""
        if not 0 <= index < len(self):
            raise NotFound(f"there is no share {index} among {len(self)}")
        path, place = [], index
        for level in self._levels[:-1]:
            if (beside := place ^ 1) < len(level):
                path.append(Sibling(*level[beside], left=beside < place))
            place >>= 1
        start = sum(share.ppm for share in self.shares[:index])
        return ShareProof(self.shares[index], start, tuple(path))

    def payload(self) -> bytes:
        """The shares as canonical JSON (RFC 8785), to be published: whoever reads them computes root and proofs."""
        return canonical.encode({"type": TYPE, "shares": [share.to_json() for share in self.shares]})

    @classmethod
    def from_payload(cls, payload: bytes) -> ShareTree:
        """Read what :meth:`payload` wrote, byte for byte. Raises :class:`MalformedRecord`, which names the field."""
        return read_object("", canonical.decode(payload), _read)


def climb(share: Share, path: Sequence[Sibling]) -> tuple[bytes, int]:
    """The root that a share leads to, and where its interval begins in ppm, as contracts/Shares.sol finds them.

    Raises:
        ProofInvalid: the shares along the path do not make one whole.
    """
    node, total, start = _leaf_hash(share), share.ppm, 0
    for other in path:
        if other.left:
            node = _node_hash(other.hash, other.ppm, node, total)
            start += other.ppm
        else:
            node = _node_hash(node, total, other.hash, other.ppm)
        total += other.ppm
        if total > WHOLE_PPM:
            break
    if total != WHOLE_PPM:
        raise ProofInvalid(f"the shares along the path sum to {total} ppm, not {WHOLE_PPM}")
    return node, start


def _read(fields: Fields) -> ShareTree:
    if (kind := fields.text("type")) != TYPE:
        raise MalformedRecord(f"type: {kind!r} is not {TYPE}")
    try:
        return ShareTree(fields.objects("shares", Share.read))
    except ArgumentRefused as error:
        raise MalformedRecord(f"shares: {error}") from None


def _leaf_hash(share: Share) -> bytes:
    """keccak256 of 00, kind (1 byte), holder (32), ppm (3)."""
    from eth_utils.crypto import keccak

    kind, holder, ppm = share.arguments
    return bytes(keccak(bytes((0, kind)) + holder.to_bytes(32, "big") + ppm.to_bytes(3, "big")))


def _node_hash(left: bytes, left_ppm: int, right: bytes, right_ppm: int) -> bytes:
    """keccak256 of 01, left (32 bytes), its sum (3), right (32), its sum (3)."""
    from eth_utils.crypto import keccak

    return bytes(keccak(b"\x01" + left + left_ppm.to_bytes(3, "big") + right + right_ppm.to_bytes(3, "big")))

"""dag-pb nodes: blocks that link to other blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ledger import varint
from ledger.cid import Cid, Codec
from ledger.errors import Malformed

_VARINT, _BYTES = 0, 2  # protobuf wire types


@dataclass(frozen=True, slots=True)
class Link:
    """One link. ``total_size`` (``Tsize``) counts the bytes of all blocks below, each as often as it is linked."""

    cid: Cid
    total_size: int
    name: str | None = ""


@dataclass(frozen=True, slots=True)
class Node:
    """Links, and bytes whose meaning lies above this layer.

    Source: the IPLD DAG-PB specification. ``Node.decode(node.encode()) == node``.
    """

    links: tuple[Link, ...]
    data: bytes | None

    def encode(self) -> bytes:
        """The one canonical serialisation: links first, then data."""
        parts = [field_bytes(2, _encode_link(link)) for link in self.links]
        if self.data is not None:
            parts.append(field_bytes(1, self.data))
        return b"".join(parts)

    @classmethod
    def decode(cls, block: bytes) -> Node:
        """Read a block; anything that :meth:`encode` would not have written is :class:`~ledger.errors.Malformed`."""
        links: list[Link] = []
        data: bytes | None = None
        for number, value in fields(block):
            if number == 2 and isinstance(value, bytes):
                links.append(_decode_link(value))
            elif number == 1 and isinstance(value, bytes):
                data = value
            else:
                raise Malformed(f"a dag-pb node has no field {number} of this kind")
        node = cls(tuple(links), data)
        if node.encode() != block:
            raise Malformed("a dag-pb node is not in canonical form: fields repeated or out of order")
        return node


def below(root: Cid, get: Callable[[Cid], bytes], seen: set[bytes]) -> Iterator[Cid]:
    """``root`` and every block linked from it, near or far, parents first; raw blocks are named and not read.

    ``seen`` holds the digests of blocks that need no second visit, and grows by those given: the work and the memory
    are bounded by the number of distinct blocks. What ``get`` raises comes through when the block's turn comes, and
    :class:`~ledger.errors.Malformed` where a block is no node.
    """
    waiting = [root]
    while waiting:
        cid = waiting.pop()
        if cid.digest in seen:
            continue
        seen.add(cid.digest)
        yield cid
        if cid.codec is not Codec.RAW:
            try:
                links = Node.decode(get(cid)).links
            except Malformed as error:
                raise Malformed(f"block {cid} is no node: {error}") from None
            waiting.extend(link.cid for link in reversed(links))


def keep(node: Node, put: Callable[[Cid, bytes], None]) -> tuple[Cid, int]:
    """Give an encoded node to ``put``; its CID, and the bytes of its block and of all that its links announce."""
    block = node.encode()
    cid = Cid.of_dag_pb(block)
    put(cid, block)
    return cid, len(block) + sum(link.total_size for link in node.links)


def field_bytes(number: int, value: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return varint.encode(number << 3 | _BYTES) + varint.encode(len(value)) + value


def field_int(number: int, value: int) -> bytes:
    """A protobuf field of a number, ``0 <= value < 2**63``."""
    return varint.encode(number << 3 | _VARINT) + varint.encode(value)


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message in their order: field number, and a number or bytes.

    Other wire types, and fields that reach beyond the end, raise :class:`~ledger.errors.Malformed`.
    """
    at = 0
    while at < len(message):
        tag, at = varint.decode(message, at)
        value, at = varint.decode(message, at)
        if tag & 7 == _VARINT:
            yield tag >> 3, value
        elif tag & 7 == _BYTES:
            if value > len(message) - at:
                raise Malformed(f"field {tag >> 3} announces {value} bytes and only {len(message) - at} are left")
            yield tag >> 3, message[at : at + value]
            at += value
        else:
            raise Malformed(f"field {tag >> 3} has protobuf wire type {tag & 7}; only numbers and bytes occur here")


def _encode_link(link: Link) -> bytes:
    name = b"" if link.name is None else field_bytes(2, link.name.encode("utf-8"))
    return field_bytes(1, link.cid.raw) + name + field_int(3, link.total_size)


def _decode_link(message: bytes) -> Link:
    cid: Cid | None = None
    name: str | None = None
    total_size: int | None = None
    for number, value in fields(message):
        if number == 1 and isinstance(value, bytes):
            cid = Cid(value)
        elif number == 2 and isinstance(value, bytes):
            try:
                name = value.decode("utf-8")
            except UnicodeDecodeError:
                raise Malformed("a link's name is not UTF-8") from None
        elif number == 3 and isinstance(value, int):
            total_size = value
        else:
            raise Malformed(f"a dag-pb link has no field {number} of this kind")
    if cid is None or total_size is None:
        raise Malformed("a dag-pb link lacks its CID or its size")
    return Link(cid, total_size, name)

"""SafeTensors files and the manifest in their header: a text under ``c2pa:manifest`` among the metadata.

The file is a length of 8 bytes (little-endian), that many bytes of JSON, filled up with blanks, then the tensors.
Offsets in the header count from the tensors on, so that a header may grow. Sources: the format's own description
(github.com/huggingface/safetensors); C2PA specification 2.5, annex A, as the crate c2pa-ml 0.2.0 renders it: the
manifest store is written in base64, and the hash over the file leaves out exactly that text.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

from ledger import canonical
from ledger.errors import Malformed

KEY = "c2pa:manifest"
_METADATA = "__metadata__"
# What the format's own library reads at most.
_LARGEST_HEADER = 100_000_000
_ALIGNED = 8
_WRITTEN_FIRST = re.compile(rb'\{"__metadata__":\{(?P<rest>"|\})')
_ENTRY = re.compile(rb'"c2pa:manifest":"(?P<value>[A-Za-z0-9+/=]*)"')


@dataclass(frozen=True, slots=True)
class Header:
    """The JSON of a file, without its fill."""

    text: bytes

    @classmethod
    def read(cls, file: BinaryIO) -> Header:
        """From the start of a file, which is left where the tensors begin. Raises :class:`Malformed`."""
        start = file.read(8)
        (size,) = struct.unpack("<Q", start) if len(start) == 8 else (0,)
        if not 2 <= size <= _LARGEST_HEADER:
            raise Malformed(f"no SafeTensors file: its header would have {size} bytes")
        text = file.read(size)
        if len(text) != size:
            raise Malformed("no SafeTensors file: it ends within its header")
        header = cls(text.rstrip(b" "))
        header.metadata()
        return header

    def to_bytes(self) -> bytes:
        """With its length before it, filled up as the format's own library does."""
        text = self.text + b" " * (-len(self.text) % _ALIGNED)
        return struct.pack("<Q", len(text)) + text

    def metadata(self) -> dict[str, Any]:
        """What is said of the file. Raises :class:`Malformed`, also for a name that is given twice."""
        try:
            found = canonical.parse(self.text)
        except Malformed as error:
            raise Malformed(f"no SafeTensors file: {error}") from None
        said = found.get(_METADATA, {}) if isinstance(found, dict) else None
        if not isinstance(said, dict):
            raise Malformed("no SafeTensors file: its header is no object, or its metadata are none")
        return said

    def manifest(self) -> bytes | None:
        """The manifest store in it. Raises :class:`Malformed` for one that is not base64."""
        value = self.metadata().get(KEY)
        if value is None:
            return None
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise Malformed(f"{KEY} is not base64") from None

    def with_manifest(self, store: bytes) -> Header:
        """The same with a manifest store; nothing else of the text changes. Raises :class:`Malformed` for one that is
        there already, and for a header that the format's own library did not write."""
        said = self.metadata()
        if KEY in said:
            raise Malformed("the file holds a manifest already")
        entry = b'"%b":"%b"' % (KEY.encode(), base64.b64encode(store))
        first = _WRITTEN_FIRST.match(self.text)
        if first is not None:
            between = b"," if first["rest"] == b'"' else b""
            return Header(self.text[: first.start("rest")] + entry + between + self.text[first.start("rest") :])
        if said or json.dumps(_METADATA).encode() in self.text:
            raise Malformed("its metadata do not stand first in the header, where the format's own library writes them")
        between = b"," if len(self.text) > 2 else b""
        return Header(b'{"%b":{%b}%b' % (_METADATA.encode(), entry, between) + self.text[1:])

    def without_manifest(self) -> Header:
        """What :meth:`with_manifest` began from."""
        match = _ENTRY.search(self.text)
        if match is None:
            return self
        alone = b'{"%b":{%b}' % (_METADATA.encode(), match[0])
        if self.text.startswith(alone):
            rest = self.text[len(alone) :].removeprefix(b",")
            # Whether there were empty metadata before is not told: the library writes none.
            return Header(b"{" + rest)
        end = match.end() + (self.text[match.end() : match.end() + 1] == b",")
        return Header(self.text[: match.start()] + self.text[end:])

    def span(self) -> tuple[int, int]:
        """Where in the file the text of the manifest begins, and how long it is. Raises :class:`Malformed`."""
        matches = list(_ENTRY.finditer(self.text))
        if len(matches) != 1:
            raise Malformed(f"{len(matches)} manifests are in the header")
        start, end = matches[0].span("value")
        return 8 + start, end - start

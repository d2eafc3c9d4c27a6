"""JSON from strangers: files, and processes that read strangers' files."""

import json
import re
from collections.abc import Callable
from typing import Any

MOST_DEPTH = 16

_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_BRACKET = re.compile(r"[][{}]")


def parse(text: str, objects: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """As `json.loads` with its `object_pairs_hook`, but for text that is nested deeper than MOST_DEPTH: ValueError.

    json.loads recurses in C. Where a library has raised Python's recursion limit, as an EVM must, deep nesting would
    end the process and not in a RecursionError.
    """
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MOST_DEPTH:
            raise ValueError(f"nested deeper than {MOST_DEPTH} levels")
    return json.loads(text, object_pairs_hook=objects)

"""How much of each of a model's datasets is asked for: whole numbers in their order, or names out of their titles."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from api.errors import UsageError
from api.home import Ledger

_NAMED = re.compile(r"(?P<name>\w+)(?:=(?P<weight>[0-9]{1,15}))?")
_WEIGHT = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Style:
    """What was asked: a weight for each dataset in their order, or for each that is named, none for the others.

    A name is a word of a dataset's title, or its number on chain. ``option`` is where it was said.
    """

    option: str
    weights: tuple[int, ...] | Mapping[str, int]

    @classmethod
    def read(cls, option: str, text: str, between: str) -> Style:
        """Out of ``3,1`` or ``bach=2,mozart``, which is 1 of it. Raises :class:`UsageError`."""
        parts = text.split(between)
        if all(_WEIGHT.fullmatch(part) for part in parts):
            return cls(option, tuple(map(int, parts)))
        named: dict[str, int] = {}
        for part in parts:
            match = _NAMED.fullmatch(part.strip())
            if match is None or _WEIGHT.fullmatch(part) or match["name"] in named:
                raise UsageError(
                    f"{option} {text!r}: give whole numbers with {between!r} between them, such as 3{between}1, or "
                    f"names, each once, such as bach=2{between}mozart=1"
                )
            named[match["name"]] = int(match["weight"] or 1)
        return cls(option, named)

    def of(self, ledger: Ledger, model_id: int, title: Callable[[Ledger, int], str] | None = None) -> tuple[int, ...]:
        """A weight for each of a model's datasets; ``title`` says a dataset's, by its record if left out.

        Raises :class:`UsageError` for a name of none or of several, ``NotFound`` where there is no such model, and
        :class:`~ledger.errors.BlockMissing` where a record that has a title is not in this home.
        """
        if isinstance(self.weights, tuple):
            return self.weights
        titles = {number: (title or _title)(ledger, number) for number, _ in ledger.contracts.model(model_id).datasets}
        found = dict.fromkeys(titles, 0)
        for name, weight in self.weights.items():
            found[_place(titles, name, self.option)] += weight
        return tuple(found.values())


def _title(ledger: Ledger, dataset: int) -> str:
    from api.workflows import datasets

    return datasets.show(ledger, dataset)[1].title


def _place(titles: dict[int, str], name: str, option: str) -> int:
    words = {number: re.findall(r"\w+", title.casefold()) for number, title in titles.items()}
    meant = [number for number in titles if name == str(number)]
    meant = meant or [number for number, said in words.items() if name.casefold() in said]
    if len(meant) == 1:
        return meant[0]
    listed = "; ".join(f"{number} {title!r}" for number, title in titles.items())
    many = "is in the titles of several" if meant else "is in no title"
    raise UsageError(f"{option}: {name!r} {many} of the model's datasets: {listed}")

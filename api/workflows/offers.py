"""Change what licenses of a dataset or model are sold for, and end consent to sell any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.home import Home
from api.workflows.licenses import subject

if TYPE_CHECKING:
    from ledger.contracts import DatasetEntry, ModelEntry
    from ledger.contracts.entries import SubjectKind
    from ledger.keys import Signer
    from ledger.records import Terms


@dataclass(frozen=True, slots=True)
class Changed:
    """The outcome: the dataset or model as it is now; ``already`` says that nothing had to be changed."""

    entry: DatasetEntry | ModelEntry
    already: bool


def change(
    home: Home,
    kind: SubjectKind,
    id: int,  # noqa: A002
    alter: Callable[[Terms], Terms],
    *,
    signer: Signer,
) -> Changed:
    """Change the terms of licenses sold from now on; ``alter`` makes the new ones of those that stand.

    Licenses sold before, and the dataset's signed record, stay what they are. Raises :class:`NotOwner`, and
    :class:`ConsentWithdrawn` where nothing is sold any more.
    """
    with home.changing("terms"), home.ledger() as ledger:
        entry = subject(ledger.contracts, kind, id)
        _require_owner(kind, entry, signer)
        terms = alter(entry.terms)
        if terms == entry.terms:
            return Changed(entry, already=True)
        home.fund(ledger, signer)
        if kind == "dataset":
            return Changed(ledger.contracts.change_dataset_terms(signer, id, terms), already=False)
        return Changed(ledger.contracts.change_model_terms(signer, id, terms), already=False)


def withdraw(home: Home, dataset_id: int, *, signer: Signer, confirm: Callable[[], None]) -> Changed:
    """Withdraw consent for good; ``confirm`` is called first, unless it is withdrawn already, and may raise."""
    with home.ledger() as ledger:
        entry = ledger.contracts.dataset(dataset_id)
        _require_owner("dataset", entry, signer)
    if not entry.consent:
        return Changed(entry, already=True)
    confirm()
    with home.changing("terms"), home.ledger() as ledger:
        home.fund(ledger, signer)
        if ledger.contracts.dataset(dataset_id).consent:
            ledger.contracts.withdraw_consent(signer, dataset_id)
        return Changed(ledger.contracts.dataset(dataset_id), already=False)


def _require_owner(kind: SubjectKind, entry: DatasetEntry | ModelEntry, signer: Signer) -> None:
    from ledger.errors import NotOwner

    if entry.owner != signer.address:
        raise NotOwner(f"{kind} {entry.id} is {entry.owner}'s; {signer.address} cannot say what it is sold for")

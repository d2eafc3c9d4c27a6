"""Kinds of jobs: what may be asked for, and who does it."""

# No postponed annotations: FastAPI reads them.

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field

from api.service.kinds.checking import AUDIT, BATCH, Batch
from api.service.kinds.kind import Context, Kind, Limits, Request
from api.service.kinds.licensing import GRANT, LICENSE, Grant, License
from api.service.kinds.making import GENERATE, MINT, TRAIN, Generate, Mint, Train
from api.service.kinds.offering import TERMS, WITHDRAW, Terms, Withdraw
from api.service.kinds.registering import REGISTER, Register
from api.service.kinds.trading import BUY, INCOME, LIST, PULL, UNLIST, Buy, Income, List, Pull, Unlist

__all__ = ["ANY", "KINDS", "LONG", "Context", "Kind", "Limits", "Request"]

_ALL = (
    REGISTER,
    TRAIN,
    GENERATE,
    MINT,
    AUDIT,
    BATCH,
    LICENSE,
    GRANT,
    TERMS,
    WITHDRAW,
    LIST,
    UNLIST,
    BUY,
    PULL,
    INCOME,
)
KINDS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in _ALL}
LONG: Final = frozenset(kind.name for kind in _ALL if kind.long)
"""What may take hours, so that not every worker does it."""

ANY = Annotated[
    Register
    | Train
    | Generate
    | Mint
    | Batch
    | License
    | Grant
    | Terms
    | Withdraw
    | List
    | Unlist
    | Buy
    | Pull
    | Income,
    Field(discriminator="kind"),
]
"""What an account may ask for; an audit is asked for with its file (:mod:`api.http.routes.audits`)."""

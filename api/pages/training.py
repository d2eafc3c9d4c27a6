"""*Train a model*: choose what to learn from and how much work to put in, and ask for it."""

# No postponed annotations: FastAPI reads those of its handlers.

import secrets
from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from api.errors import ApiError, DataKeyElsewhere, FormUnreadable
from api.pages import english, trainable
from api.pages.door import Door, Known, Reader, Said, onward
from api.pages.errands import ask
from api.pages.language import Words
from api.pages.layout import page
from api.pages.spanish.fields import NAMES
from api.service.currencies import Currencies
from api.service.directory import Directory
from api.service.kinds.making import presets
from api.service.service import Service
from gen.errors import GenError
from ledger.errors import LedgerError

_FIELDS: Final = ("datasets", "preset", "seed", "royalty")
_FIRST: Final = "tiny"
"""The preset that is chosen where nobody has chosen one."""
_FROM_SMALL: Final = ("tiny", "small", "base")
Chosen = Annotated[list[Annotated[int, Query(ge=1, lt=2**53)]], Query(max_length=trainable.MOST)]


def create_router(service: Service) -> APIRouter:
    """The page, and what its form asks for."""
    router, directory = APIRouter(route_class=Door), Directory.of(service)

    def show(
        request: Request,
        who: Reader,
        chosen: list[int],
        said: Mapping[str, Any] | None = None,
        problem: Exception | None = None,
    ) -> Response:
        """The form, with what was said before where that could not be done."""
        told, names = service.summaries.reading(), Currencies(service)
        with service.home.reading() as ledger:
            mine = trainable.mine(service.home, ledger, directory, told, who.address, chosen)
            others = trainable.on_sale(
                service.home, ledger, directory, told, names, {one.id for one in mine}, service.now()
            )
        fresh = {"preset": _FIRST, "seed": str(secrets.randbelow(10**6)), "royalty": "0"}
        return page(
            request,
            "train.html",
            200 if problem is None else 400,
            reader=who,
            mine=mine,
            others=others,
            chosen=chosen if chosen or said is not None else [one.id for one in mine if one.opens][:1],
            presets=_presets(service),
            said={name: str((said or {}).get(name, value)) for name, value in fresh.items()},
            seal=bool(said and said.get("seal")),
            problem=problem,
            wrong_field=_field(problem),
        )

    @router.get("/models/new")
    def new(request: Request, who: Known, dataset: Chosen = []) -> Response:  # noqa: B006  (FastAPI copies it)
        """The form; ``dataset`` chooses beforehand."""
        return show(request, who, dataset)

    @router.post("/models/new")
    def train(request: Request, who: Known, said: Said) -> Response:
        """Ask for a model."""
        chosen = [int(text) for text in map(str, said.getlist("datasets")) if _is_number(text)][: trainable.MOST]
        try:
            _require_licenses(service, who, chosen)
            asked = {name: str(said.get(name, "")) for name in ("preset", "seed", "royalty")}
            job = ask(service, who, "train", datasets=tuple(chosen), seal=bool(said.get("seal")), **asked)
        except DataKeyElsewhere as problem:
            told = _field_of(who, Words(who.language)("train.elsewhere.one", id=problem.dataset))
            return show(request, who, chosen, said, told)
        except (ApiError, LedgerError, GenError) as problem:
            return show(request, who, chosen, said, problem)
        return onward(f"/jobs/{job.id}")

    return router


def _presets(service: Service) -> list[tuple[str, bool]]:
    """The presets, the smallest first and then the keeper's own, and whether there are words for each."""
    known = presets(service.home)
    ordered = [name for name in _FROM_SMALL if name in known] + [name for name in known if name not in _FROM_SMALL]
    return [(name, f"preset.{name}" in english.TEXTS) for name in ordered]


def _require_licenses(service: Service, who: Reader, chosen: list[int]) -> None:
    """Say in the reader's language what is missing; whoever asks without a page is told by the job's request."""
    with service.home.reading() as ledger:
        for number in chosen:
            if not ledger.contracts.is_licensed("dataset", number, who.address, "train"):
                raise _field_of(who, Words(who.language)("train.unlicensed", id=number))


def _field_of(who: Reader, said: str) -> FormUnreadable:
    """What is wrong with the datasets, in the reader's language."""
    name = NAMES["datasets"] if who.language == "es" else "datasets"
    return FormUnreadable(f"{name}: {said}", who.language)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < len(text) < 16 and int(text) > 0


def _field(problem: Exception | None) -> str | None:
    """The field of the form that a problem is about: its message begins with the name."""
    said = "" if problem is None else str(problem)
    return next((name for name in _FIELDS if said.startswith((f"{name}:", f"{name} ", f"{NAMES[name]}:"))), None)

"""What a page's form asks for, as the job that the JSON API would have made of it."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from api.errors import FormUnreadable
from api.http.unreadable import told
from api.pages.door import Reader
from api.pages.language import Words
from api.service import asking
from api.service.job import Job
from api.service.kinds import KINDS
from api.service.service import Service


def ask(service: Service, who: Reader, kind: str, **asked: Any) -> Job:
    """Ask for a job of that kind.

    Raises :class:`FormUnreadable`, which names the field in the reader's language, for what cannot be read, and what
    :func:`api.service.asking.ask` does.
    """
    try:
        request = KINDS[kind].request(kind=kind, **asked)
    except ValidationError as error:
        raise FormUnreadable(told(error.errors()[0], Words(who.language)), who.language) from None
    return asking.ask(service, who.address, request)


def offer(service: Service, who: Reader, track: str, price: str, **terms: str) -> Job:
    """Ask for a track to be put up for sale, as :func:`ask` does.

    A price of 0 is refused here as a slip: the first stranger would have the track. The JSON API takes it, as the
    contract does.
    """
    if "0" in price and not price.strip("0."):
        words = Words(who.language)
        raise FormUnreadable(told({"loc": ("price",), "type": "greater_than", "ctx": {"gt": 0}}, words), who.language)
    return ask(service, who, "list", track=track, price=price, **terms)

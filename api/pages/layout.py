"""Templates become answers here: in the reader's language, escaped, compressed, and with what every page shows."""

# No postponed annotations: FastAPI reads those of handlers that return what is made here.

import gzip
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse, Response

from api.amounts import about_percent, percent_from_ppm
from api.http.caller import Caller, csrf_token
from api.http.shields import POLICY
from api.pages.assets import asset, path, style_of_first_page, style_of_players
from api.pages.language import CHOICE, COOKIE, Words, chosen, language_of
from api.pages.metadata import name_of
from api.reports.details import of_evidence, of_finding
from api.reports.outline import absent, clock
from api.reports.visible import visible
from api.service.service import Service
from api.terms import money

if TYPE_CHECKING:
    from jinja2 import Environment

NAVIGATION: Final = (
    ("/", "nav.check"),
    ("/market", "nav.market"),
    ("/studio", "nav.creator"),
    ("/recordings", "nav.holder"),
    ("/account", "nav.account"),
)
"""Where the head of every page leads: paths, and the keys of their names."""
_OWN: Final = (("/models/new", "train.nav"), ("/music", "works.title"))
"""Where it leads besides whoever is signed in, after the studio."""
_YEAR: Final = 365 * 24 * 3600
# A page is packed anew for every reader: the level that costs least for nearly all of the gain.
_LEVEL: Final = 5
_WORTH_PACKING: Final = 1000


def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """Render a template as a whole page, or as the part that it is.

    Every template has ``t`` (:class:`~api.pages.language.Words`), ``asset(name)`` (the path of a file in ``static/``),
    ``service``, ``here`` (the path), ``navigation``, ``other`` (the address of this page in a language), ``version``,
    ``account`` (whose session it is, or None), ``who`` (that account for people) and ``csrf`` (what forms bring along),
    beside ``values``. Undefined names are errors. Whole pages extend ``base.html`` and fill its blocks ``title``,
    ``content`` and, if need be, ``head``.
    """
    service = request.app.state.service
    words = Words(language_of(request))
    caller: Caller | None = getattr(request.state, "caller", None)
    shown = {
        "t": words,
        "service": service,
        "here": request.url.path,
        "navigation": NAVIGATION if caller is None else (*NAVIGATION[:3], *_OWN, *NAVIGATION[3:]),
        "other": lambda language: _in(request, language),
        "version": version("stemmata"),
        "account": None if caller is None else caller.address,
        "who": "" if caller is None else _named(service, caller),
        "csrf": csrf_token(request),
    }
    body = _environment().get_template(template).render(**shown, **values)
    response = HTMLResponse(body, status)
    if "gzip" in request.headers.get("accept-encoding", "") and len(response.body) > _WORTH_PACKING:
        response = HTMLResponse(gzip.compress(response.body, _LEVEL, mtime=0), status)
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Content-Security-Policy"] = _policy()
    response.headers["Content-Language"] = words.language
    response.headers["Vary"] = "Accept, Accept-Encoding, Accept-Language, Cookie"
    response.headers["Cache-Control"] = "private, no-cache"
    if chosen(request) is not None:
        secure = service.settings.secure
        response.set_cookie(COOKIE, words.language, max_age=_YEAR, samesite="lax", secure=secure, httponly=True)
    return response


def wants_page(request: Request) -> bool:
    """Whether whoever asks is a person with a browser, who is told of errors by a page and not by a problem."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/v1/")


def error_page(request: Request, problem: dict[str, Any], spoken: str = "en") -> Response:
    """A problem (:mod:`api.http.problems`) as a page; ``spoken`` is the language of its detail."""
    return page(request, "error.html", problem["status"], problem=problem, spoken=spoken)


@cache
def _policy() -> str:
    """What a page may load: what every answer allows, and two styles by their digests."""
    return POLICY.replace("style-src", f"style-src {style_of_players()} {style_of_first_page()}")


def _named(service: Service, caller: Caller) -> str:
    """A signed-in account for people: at a demonstration the name of its key, and else its address cut short."""
    name = service.home.keystore().name_of(caller.address) if service.settings.demo else None
    return _short(caller.address) if name is None else name


def _in(request: Request, language: str) -> str:
    """The address of this page, without the site, in a language."""
    url = request.url.include_query_params(**{CHOICE: language})
    return f"{url.path}?{url.query}"


@cache
def _environment() -> "Environment":
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=ChoiceLoader([PackageLoader("api.pages"), PackageLoader("api.reports")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "about_percent": about_percent,
        "absent": absent,
        "asset": path,
        "style": lambda: Markup(asset("style.css").data.decode()),  # noqa: S704  (ours, and not a reader's)
        "clock": clock,
        "of_evidence": of_evidence,
        "of_finding": of_finding,
        "moment": _moment,
        "name_of": name_of,
        "money": money,
        "percent": percent_from_ppm,
        "short": _short,
        "visible": visible,
    }
    return environment


def _moment(time: int) -> str:
    """A Unix time as records write it."""
    return datetime.fromtimestamp(time, UTC).isoformat().replace("+00:00", "Z")


def _short(account: object) -> str:
    """An address cut short, for running text."""
    text = str(account)
    return f"{text[:8]}…{text[-4:]}"

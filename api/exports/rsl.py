"""Really Simple Licensing 1.0: what may be done with recordings on the web, as XML (https://rslstandard.org/rsl).

RSL knows no difference between training a model that generates and one that does not (``ai-train``), so of two answers
the stricter is written, and nothing where one is allowed and the other is not spoken of. Inference is ``ai-input``.
Data mining as such cannot be said.

A license allows what it permits and nothing else; but one that permits nothing by name allows all that it does not
prohibit, and free of charge (sections 3.4, 3.5). So every license here permits by name, and where nothing is allowed
one prohibits all: nobody is licensed for what was not spoken of. An amount is in a currency of ISO 4217, which neither
ether nor a token is: the price is where ``custom`` points.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from ledger.errors import Malformed

if TYPE_CHECKING:
    from ledger.preferences import Preferences

NAMESPACE = "https://rslstandard.org/rsl"
TRAIN, INPUT = "ai-train", "ai-input"
# What covers them: a licence for ai-all is one for each use by AI, one for all is for any use at all.
_WIDER = {TRAIN: (TRAIN, "ai-all", "all"), INPUT: (INPUT, "ai-all", "all")}
_LONGEST_TEXT = 1 << 20


def text(said: Preferences, places: Sequence[str], holder: str, *, encrypted: bool) -> str:
    """An RSL document, the same for each of the ``places``: URLs, or paths on a server.

    ``holder`` is named as the owner. ``encrypted`` says that what lies there opens for licensees alone.
    """
    ElementTree.register_namespace("", NAMESPACE)
    root = ElementTree.Element(_tag("rsl"))
    for place in places:
        content = ElementTree.SubElement(root, _tag("content"), {"url": place})
        if encrypted:
            content.set("encrypted", "true")
        words = {TRAIN: _both(said.training, said.generative_training), INPUT: said.inference}
        refused = [use for use, word in words.items() if word == "notAllowed"]
        offered = {use: word for use, word in words.items() if word in ("constrained", "allowed")}
        for use, word in offered.items():
            _license(content, use, refused, word, said.terms)
        if refused and not offered:
            license_ = ElementTree.SubElement(content, _tag("license"))
            ElementTree.SubElement(license_, _tag("prohibits"), {"type": "usage"}).text = "all"
        ElementTree.SubElement(content, _tag("copyright")).text = holder
        if said.terms is not None:
            ElementTree.SubElement(content, _tag("terms")).text = said.terms
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def read(text: str, place: str) -> Preferences:
    """What an RSL document says of ``place``, where a ``content`` names it exactly; nothing is said of data mining.

    A permission for which something may have to be paid, or that is for some people or places alone, is *constrained*.
    Raises :class:`~ledger.errors.Malformed`.
    """
    from ledger.preferences import Preferences

    if len(text) > _LONGEST_TEXT or "<!DOCTYPE" in text:
        raise Malformed("an RSL document is short, and declares no entities")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  (without a document type there are no entities to expand)
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # of text, characters and encodings
        raise Malformed(f"no XML: {error}") from None
    if root.tag != _tag("rsl"):
        raise Malformed(f"the root is {root.tag}, not {_tag('rsl')}")
    content = next((each for each in root.findall(_tag("content")) if each.get("url") == place), None)
    if content is None:
        raise Malformed(f"no content has the url {place!r}")
    train, use = _said(content, TRAIN), _said(content, INPUT)
    terms = content.findtext(_tag("terms"))
    return Preferences(None, use, train, train, terms)


def _license(content: ElementTree.Element, use: str, refused: list[str], word: str, terms: str | None) -> None:
    """A license for one use, which may be had; what is refused is repeated for whoever reads no silence."""
    license_ = ElementTree.SubElement(content, _tag("license"))
    ElementTree.SubElement(license_, _tag("permits"), {"type": "usage"}).text = use
    if refused:
        ElementTree.SubElement(license_, _tag("prohibits"), {"type": "usage"}).text = " ".join(refused)
    if word == "allowed":
        ElementTree.SubElement(license_, _tag("payment"), {"type": "free"})
        return
    payment = ElementTree.SubElement(license_, _tag("payment"), {"type": "purchase"})
    if terms is not None:
        ElementTree.SubElement(payment, _tag("custom")).text = terms


def _said(content: ElementTree.Element, use: str) -> str | None:
    """The strictest that any of its licenses says of a use."""
    said: str | None = None
    for license_ in content.findall(_tag("license")):
        if any(_names(each, use) for each in license_.findall(_tag("prohibits"))):
            said = _stricter(said, "notAllowed")
        if any(_names(each, use) for each in license_.findall(_tag("permits"))):
            said = _stricter(said, "allowed" if _free(license_) else "constrained")
    return said


def _free(license_: ElementTree.Element) -> bool:
    """Whether everybody everywhere has it for nothing. Without a payment it is free, but not with one of no type."""
    rules = [*license_.findall(_tag("permits")), *license_.findall(_tag("prohibits"))]
    paid = any(payment.get("type") != "free" for payment in license_.findall(_tag("payment")))
    return not paid and all(rule.get("type", "usage") == "usage" for rule in rules)


def _names(element: ElementTree.Element, use: str) -> bool:
    words = (element.text or "").replace(",", " ").split()
    return element.get("type", "usage") == "usage" and any(wider in words for wider in _WIDER[use])


def _both(one: str | None, other: str | None) -> str | None:
    """Silence allows nothing."""
    said = _stricter(one, other)
    return None if said == "allowed" and None in (one, other) else said


def _stricter(one: str | None, other: str | None) -> str | None:
    from ledger.records import PREFERENCES

    words = [word for word in (one, other) if word is not None]
    return min(words, key=PREFERENCES.index) if words else None


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"

"""Consent in RSL and TDMRep: whatever they cannot say, nobody reads more permission there than the holder gave."""

from __future__ import annotations

import contextlib
import itertools
import json
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.exports import rsl, tdmrep
from ledger.errors import Malformed
from ledger.preferences import USES, Preferences
from ledger.records import PREFERENCES

PLACE = "https://example.org/music/"
TERMS = "https://example.org/terms"
HOLDER = "eip155:1:0x0000000000000000000000000000000000000001"
WORDS = (None, *PREFERENCES)
SAID = [
    Preferences(*words, terms=terms) for words in itertools.product(WORDS, repeat=len(USES)) for terms in (None, TERMS)
]
"""Everything that can be said."""


def no_more_than(said: Preferences, read: Preferences) -> bool:
    """Whether every use that is spoken of is at most as free as it was; silence allows nothing."""
    for use in USES:
        was, found = getattr(said, use), getattr(read, use)
        if found is not None and PREFERENCES.index(found) > PREFERENCES.index(was or "constrained"):
            return False
    return True


def test_rsl_is_never_read_as_more_than_was_allowed() -> None:
    for said in SAID:
        read = rsl.read(rsl.text(said, [PLACE], HOLDER, encrypted=False), PLACE)
        assert no_more_than(said, read)
        assert read.inference in {said.inference, said.inference or "notAllowed"}
        if said.training == said.generative_training:
            assert read.training == read.generative_training
            assert read.training in {said.training, said.training or "notAllowed"}
        assert read.terms == said.terms


def licensed(text: str) -> dict[str, set[str]]:
    """By the rules of RSL 1.0, sections 3.4 and 3.5, for what uses a license may be had, and for what payment: any
    one of them will do, and one that permits no usage by name is for every usage that it does not prohibit."""
    rsl_ = f"{{{rsl.NAMESPACE}}}"
    found: dict[str, set[str]] = {}
    for license_ in ElementTree.fromstring(text).iter(f"{rsl_}license"):
        permits, prohibits = (
            {word for rule in license_.findall(f"{rsl_}{kind}") for word in str(rule.text).split()}
            for kind in ("permits", "prohibits")
        )
        payment = license_.find(f"{rsl_}payment")
        for use in ("ai-train", "ai-input", "ai-index", "search"):
            covers = {use, "all", *(["ai-all"] if use.startswith("ai") else [])}
            if (not permits or permits & covers) and not prohibits & covers:
                found.setdefault(use, set()).add("free" if payment is None else str(payment.get("type")))
    return found


def test_no_license_in_rsl_is_for_more_than_was_allowed() -> None:
    payments = {"allowed": {"free"}, "constrained": {"purchase"}}
    for said in SAID:
        found = licensed(rsl.text(said, [PLACE], HOLDER, encrypted=False))
        assert set(found) <= {"ai-train", "ai-input"}
        assert found.get("ai-input", set()) == payments.get(said.inference or "", set())
        stricter = (
            None
            if None in (said.training, said.generative_training)
            else (min(str(said.training), str(said.generative_training), key=PREFERENCES.index))
        )
        if stricter is not None:
            assert found.get("ai-train", set()) == payments.get(stricter, set())
        else:
            assert "free" not in found.get("ai-train", set())


def test_tdmrep_is_never_read_as_more_than_was_allowed() -> None:
    for said in SAID:
        only_what_was_allowed(said, tdmrep.read(json.loads(json.dumps(tdmrep.rules(said, PLACE, said.terms))), PLACE))


def only_what_was_allowed(said: Preferences, read: Preferences) -> None:
    # A policy is an address to ask at, and says itself for what: the one bit only ever allows what was allowed.
    for use in USES:
        assert getattr(read, use) != "allowed" or getattr(said, use) == "allowed"
    trains = {said.data_mining, said.training, said.generative_training}
    assert (read.training == "allowed") == (trains == {"allowed"})


def test_a_paid_license_in_rsl() -> None:
    said = Preferences("notAllowed", "allowed", "constrained", "constrained", TERMS, 10**16)
    root = ElementTree.fromstring(rsl.text(said, ["ipfs://a", "ipfs://b"], HOLDER, encrypted=True))
    spoken = {"r": rsl.NAMESPACE}
    assert [(each.get("url"), each.get("encrypted")) for each in root.findall("r:content", spoken)] == [
        ("ipfs://a", "true"),
        ("ipfs://b", "true"),
    ]
    train, use = root[0].findall("r:license", spoken)
    assert train.findtext("r:permits", "", spoken) == "ai-train"
    assert train.find("r:payment", spoken).get("type") == "purchase"  # type: ignore[union-attr]
    assert train.findtext("r:payment/r:custom", "", spoken) == TERMS
    assert use.find("r:payment", spoken).get("type") == "free"  # type: ignore[union-attr]
    # ISO 4217 has no code for ether: an amount would be a lie about what is asked.
    assert list(root.iter(f"{{{rsl.NAMESPACE}}}amount")) == []


# The first two examples of the TDMRep report, section 5.1, and RSL as its guides show it, one rule a line.
TDMREP = [
    {"location": "/directory-a/", "tdm-reservation": 1},
    {"location": "/directory-b/html/", "tdm-reservation": 1, "tdm-policy": "https://provider.com/policies/policy.json"},
    {"location": "/directory-b/images/*.jpg", "tdm-reservation": 0},
]
RSL = f"""<rsl xmlns="{rsl.NAMESPACE}"><content url="/"><license>
<permits type="usage">search ai-input</permits><prohibits type="usage">ai-train</prohibits><payment type="crawl"/>
</license></content><content url="/all"><license><prohibits type="usage">ai-all</prohibits></license></content></rsl>"""


def test_what_others_wrote_is_read() -> None:
    words = [tdmrep.read(TDMREP, str(rule["location"])).training for rule in TDMREP]
    assert words == ["notAllowed", "constrained", "allowed"]
    assert rsl.read(RSL, "/") == Preferences(None, "constrained", "notAllowed", "notAllowed")
    assert rsl.read(RSL, "/all") == Preferences(None, "notAllowed", "notAllowed", "notAllowed")


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        ("", "allowed"),
        ('<payment type="free"/>', "allowed"),
        ("<payment><standard>https://example.org/license</standard></payment>", "constrained"),
        ('<payment type="free"/><payment type="use"/>', "constrained"),
        ('<permits type="user">education</permits>', "constrained"),
        ('<prohibits type="geo">DE</prohibits>', "constrained"),
    ],
)
def test_only_what_is_free_for_everybody_is_read_as_allowed(rule: str, word: str) -> None:
    text = f'<permits type="usage">ai-all</permits>{rule}'
    text = f'<rsl xmlns="{rsl.NAMESPACE}"><content url="/"><license>{text}</license></content></rsl>'
    assert rsl.read(text, "/") == Preferences(None, word, word, word)


TAGS = (
    "<license>",
    "</license>",
    '<permits type="usage">',
    "</permits>",
    "<prohibits>",
    "</prohibits>",
    "<terms> </terms>",
)
WHOLE = f'<rsl xmlns="{rsl.NAMESPACE}">', "</rsl>", f'<content url="{PLACE}">', "</content>"
ODD = '<?xml version="1.0" encoding="utf-16"?>', '<?xml version="1.0" encoding="no"?>', "ai-all", "&a;", "\0", "\ud800"
PIECES = st.sampled_from([*TAGS, *WHOLE, *ODD])


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=20))
def test_a_strangers_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(Malformed):
        rsl.read(text, PLACE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<rsl", "no XML"),
        ("<other/>", "the root is other"),
        ("<!DOCTYPE rsl [<!ENTITY a 'b'>]><rsl/>", "declares no entities"),
        (f'<rsl xmlns="{rsl.NAMESPACE}"/>', "no content has the url"),
    ],
)
def test_what_is_no_rsl_is_refused(text: str, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        rsl.read(text, PLACE)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({}, "array of objects"),
        ([], "no rule has the location"),
        ([{"location": PLACE}], "None is neither 0 nor 1"),
        ([{"location": PLACE, "tdm-reservation": True}], "True is neither 0 nor 1"),
    ],
)
def test_what_is_no_tdmrep_is_refused(rules: object, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        tdmrep.read(rules, PLACE)  # type: ignore[arg-type]

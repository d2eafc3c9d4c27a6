"""What a holder allows: the same from the terms, and back from the vocabularies that can say it."""

from __future__ import annotations

import contextlib
import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.address import Address
from ledger.errors import Malformed, MalformedRecord
from ledger.preferences import USES, Preferences
from ledger.records import PREFERENCES, Terms, timestamp

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
WORDS = (None, *PREFERENCES)
SAID = [
    Preferences(*words, terms=terms)
    for words in itertools.product(WORDS, repeat=len(USES))
    for terms in (None, "https://example.org/terms")
]
"""Everything that can be said."""
# The example in section 3.2 of CAWG's "Training and Data Mining Assertion" 1.1, and an entry of somebody's own.
FOREIGN = {
    "entries": {
        "cawg.ai_training": {"use": "allowed"},
        "cawg.ai_generative_training": {"use": "notAllowed"},
        "cawg.data_mining": {
            "use": "constrained",
            "constraint_info": "may only be mined on days whose names end in 'y'",
        },
        "org.example.karaoke": {"use": "allowed"},
    }
}


def test_an_assertion_reads_back() -> None:
    """But for the name of terms that constrain nothing, for which the assertion has no place."""
    for said in SAID:
        constrained = "constrained" in [getattr(said, use) for use in USES]
        expected = said if constrained else replace(said, terms=None)
        assert Preferences.from_assertion(json.loads(json.dumps(said.assertion()))) == expected


def test_metadata_reads_back() -> None:
    for said in SAID:
        assert Preferences.from_metadata(json.loads(json.dumps(said.metadata()))) == said


def test_an_assertion_of_somebody_elses_is_read() -> None:
    info = "may only be mined on days whose names end in 'y'"
    assert Preferences.from_assertion(FOREIGN) == Preferences("constrained", None, "allowed", "notAllowed", info)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "entries: expected an object, not NoneType"),
        ({"entries": {"cawg.data_mining": "allowed"}}, "entries.cawg.data_mining: expected an object, not str"),
        ({"entries": {"cawg.data_mining": {"use": "maybe"}}}, "data_mining: 'maybe' is none of"),
        (
            {"entries": {"cawg.ai_training": {"use": "constrained", "constraint_info": 5}}},
            "terms: expected a text, not int",
        ),
    ],
)
def test_a_malformed_assertion_is_refused_by_name(data: dict[str, Any], message: str) -> None:
    with pytest.raises(Malformed, match=message):
        Preferences.from_assertion(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(PREFERENCES),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["entries", "use", "constraint_info", "license", "document", "dataMiningPreference", "dataMining"]
            )
            | st.sampled_from(["cawg.data_mining", "cawg.ai_training"]),
            inner,
            max_size=4,
        )
    ),
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(JSON)
def test_a_strangers_json_is_read_or_refused_by_name(data: object) -> None:
    for read in (Preferences.from_assertion, Preferences.from_metadata):
        with contextlib.suppress(Malformed):
            read(data)


@pytest.mark.parametrize(("field", "value"), [("inference", "yes"), ("terms", " "), ("price", -1)])
def test_a_field_that_is_wrong_is_named(field: str, value: object) -> None:
    with pytest.raises(MalformedRecord, match=field):
        Preferences(**{field: value})  # type: ignore[arg-type]


def test_training_is_constrained_as_long_as_a_license_is_sold() -> None:
    until = timestamp(NOW)
    terms = Terms(5, 0, ("train",), Address(bytes(19) + b"\1"), until, "allowed", "constrained")
    on_sale = Preferences.of(terms, consent=True, now=NOW, document="d")
    assert on_sale == Preferences("allowed", "constrained", "constrained", "constrained", "d", 5, terms.currency)
    over = Preferences.of(terms, consent=True, now=NOW + timedelta(seconds=1), document="d")
    assert over == Preferences("allowed", "constrained", "notAllowed", "notAllowed", "d")
    unsold = Preferences.of(replace(terms, uses=("generate",)), consent=True, now=NOW)
    assert (unsold.training, unsold.price) == ("notAllowed", None)
    assert Preferences.of(terms, consent=False, now=NOW, document="d") == Preferences()

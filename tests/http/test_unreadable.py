"""What does not fit a request, in the words of a page: no pattern, none of pydantic's sentences, in either language."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from api.http.unreadable import ENGLISH, WANTED, told
from api.pages.language import Words
from api.pages.spanish import fields as spanish
from api.service.kinds import ANY, KINDS

SPANISH = Words("es")


def wrong(kind: str, **asked: Any) -> list[dict[str, Any]]:
    with pytest.raises(ValidationError) as caught:
        KINDS[kind].request(kind=kind, **asked)
    return [dict(error) for error in caught.value.errors()]


def unread(asked: dict[str, Any]) -> list[dict[str, Any]]:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(ANY).validate_python(asked)
    return [dict(error) for error in caught.value.errors()]


CASES = [
    (
        wrong("list", track="a" * 16, price="free"),
        'price: should be a price as decimal text, such as "0.05"',
        "precio: ",
    ),
    (wrong("generate", seconds=1), "seconds: should be 3 or more", "duración: tiene que ser 3 o más"),
    (wrong("generate", top_p=0), "top_p: should be 1e-06 or more", "top_p: tiene que ser 1e-06 o más"),
    (
        wrong("generate", seed=2**53),
        "seed: should be less than 9007199254740992",
        "semilla: tiene que ser menos de 9007",
    ),
    (wrong("generate", variations="a"), "variations: should be a whole number", "variaciones: tiene que ser un número"),
    (wrong("generate", temperature="warm"), "temperature: should be a number", "temperatura: tiene que ser un número"),
    (wrong("generate", style={"a b": 1}), "style.a b: should be a dataset's number, or one word", "estilo.a b: "),
    (
        wrong("generate", seconds=3600, variations=2),
        "seconds times variations: at most an hour in one job",
        "la duración por las variaciones: una hora",
    ),
    (wrong("generate", tempo=3), "tempo: is no field of this", "tempo: no es ningún campo"),
    (
        wrong("train", datasets=()),
        "datasets: should name at least one",
        "conjuntos de datos: tiene que nombrar al menos",
    ),
    (wrong("train"), "datasets: is missing", "conjuntos de datos: falta"),
    (wrong("license", subject="track", id=1, uses=("train",)), "subject: should be one of dataset, model", "subject: "),
    (wrong("pull", track=str(2**64)), "track: no track has a token of more than 64 bits", "pista: ninguna pista"),
]

CASES += [
    (
        unread({"kind": "generat" * 9}),
        "kind is “" + ("generat" * 9)[:40] + "”, and there is only register, train, ",
        "kind es «generat",
    ),
    (unread({}), "kind is missing, which", "falta kind, que"),
]


@pytest.mark.parametrize(("errors", "english", "other"), CASES, ids=[case[1].partition(":")[0] for case in CASES])
def test_both_languages_have_words(errors: list[dict[str, Any]], english: str, other: str) -> None:
    assert told(errors[0]).startswith(english)
    assert told(errors[0], SPANISH).startswith(other)


def test_nothing_of_pydantics_is_shown() -> None:
    asked = {
        "upload": "x",
        "title": "",
        "license": "a b",
        "price": "free",
        "share": "1000",
        "until": "x",
        "mining": "?",
    }
    errors = wrong("register", **asked, uses=("sell",), skip_bad="perhaps")
    lines = {str(error["loc"][0]): (told(error), told(error, SPANISH), error["msg"]) for error in errors}
    assert lines.keys() == {*asked, "uses", "skip_bad"}
    assert lines["title"][:2] == ("title: should not be empty", "título: no puede quedar vacío")
    for english, other, pydantics in lines.values():
        assert not any(pydantics in one or "^" in one for one in (english, other)), pydantics
        assert english.partition(": ")[2] != other.partition(": ")[2]


def test_every_pattern_has_words_in_both_languages() -> None:
    assert list(spanish.WANTED) == list(WANTED)
    assert ENGLISH.language == "en"

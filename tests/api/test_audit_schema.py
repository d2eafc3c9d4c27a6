"""What ``audit --json`` prints, held to the schema that is published for it."""

from __future__ import annotations

import copy
import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from chords import chords
from reported import audited
from shell import Shell
from story import Story

from api.report import as_json
from gen.audio import save

SCHEMA: dict[str, Any] = json.loads((files("api.reports") / "schema" / "audit.json").read_text())


def check(content: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(content)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_every_kind_of_finding_evidence_and_conclusion_fits() -> None:
    check(json.loads(json.dumps(as_json(audited(), "song.mp3"))))


def test_what_the_command_prints_fits(story: Story, shell: Shell) -> None:
    stray = story.folder / "stray.wav"
    save(stray, chords(12.0, 99))
    for path, code in ((story.track, 0), (stray, 3)):
        done = shell.run("audit", str(path), "--json")
        assert done.code == code
        check(done.object)


def paths(content: Any, trail: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The places of all values within an object."""
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [trail] * bool(trail) + [place for key, value in inner for place in paths(value, (*trail, key))]


def test_no_field_may_be_missing_or_of_another_kind() -> None:
    whole = json.loads(json.dumps(as_json(audited(), "song.mp3")))
    for *trail, last in paths(whole):
        for spoil in ("drop", "replace"):
            spoilt = copy.deepcopy(whole)
            holder = spoilt
            for key in trail:
                holder = holder[key]
            if spoil == "replace":
                holder[last] = {"another": "kind"}
            elif isinstance(holder, dict):
                del holder[last]
            else:
                continue
            with pytest.raises(jsonschema.ValidationError):
                check(spoilt)

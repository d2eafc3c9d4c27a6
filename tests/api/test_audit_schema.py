"""What ``audit --json`` prints, held to the schema that is published for it."""

from __future__ import annotations

import copy
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from chords import chords
from referencing import Registry, Resource
from reported import audited
from shell import Shell
from story import Story

from api.report import as_json
from gen.audio import save

SCHEMAS: dict[str, dict[str, Any]] = {
    name: json.loads((files("api.reports") / "schema" / f"{name}.json").read_text())
    for name in ("audit", "model-audit", "batch")
}
KNOWN = Registry().with_resources((schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS.values())


def check(content: dict[str, Any], name: str = "audit", part: str = "") -> None:
    schema = {"$ref": SCHEMAS[name]["$id"] + part}
    jsonschema.Draft202012Validator(schema, registry=KNOWN).validate(content)


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])


def test_every_kind_of_finding_evidence_and_conclusion_fits() -> None:
    check(json.loads(json.dumps(as_json(audited(), "song.mp3"))))


@pytest.mark.slow
def test_what_the_command_prints_fits(story: Story, shell: Shell) -> None:
    stray = story.folder / "stray.wav"
    save(stray, chords(12.0, 99))
    for path, code in ((story.track, 0), (stray, 3)):
        done = shell.run("audit", str(path), "--json")
        assert done.code == code
        check(done.object)
    check(shell.json("model", "audit", str(story.model)), "model-audit")


@pytest.mark.slow
def test_what_a_batch_prints_and_writes_fits(tmp_path: Path) -> None:
    inbox = tmp_path / "in"
    inbox.mkdir()
    save(inbox / "a.wav", chords(3.0, 99))
    (inbox / "torn.wav").write_bytes((inbox / "a.wav").read_bytes()[:30])
    (inbox / "cover.jpg").write_bytes(b"jpeg")
    done = Shell(tmp_path / "home").run("audit", "--batch", str(inbox), "--workers", "1", "--json")
    assert done.code == 1, done.out + done.err
    check(done.object, "batch")
    again = Shell(tmp_path / "home").run("audit", "--batch", str(inbox), "--workers", "1").out
    assert "3 files, 3 of them audited before" in again
    for name, end in (("torn.wav", "failed"), ("cover.jpg", "skipped")):
        (said,) = (line for line in again.splitlines() if line.startswith(f"{end}: {name}: "))
        assert len(said) > len(f"{end}: {name}: ") + 10  # and says why
    lines = [json.loads(line) for line in (tmp_path / "in-audits" / "audits.jsonl").read_text().splitlines()]
    assert len(lines) == 3
    for line in lines:
        check(line, "batch", "#/$defs/line")
    with pytest.raises(jsonschema.ValidationError):
        check({**lines[0], "error": {"name": "x", "message": "y"}}, "batch", "#/$defs/line")


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

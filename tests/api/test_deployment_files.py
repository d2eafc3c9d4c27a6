"""Dockerfile, compose file and guide against the code: what they name is there, and no setting is left untold."""

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from api.cli import stemmata

ROOT = Path(__file__).parents[2]
VARIABLE = re.compile(r"\b(?:STEMMATA|IPFS)_[A-Z_]*[A-Z]\b")
GUIDE = (ROOT / "docs" / "deployment.md").read_text("utf-8")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))


def settings() -> set[str]:
    """What the environment may say: every variable that the two settings read."""
    sources = (ROOT / "api" / "settings.py", ROOT / "api" / "service" / "settings.py")
    return {name for source in sources for name in VARIABLE.findall(source.read_text("utf-8"))}


def table() -> set[str]:
    return set(re.findall(r"^\| `([A-Z_]+)` \|", GUIDE, re.MULTILINE))


def test_the_guide_has_every_setting_and_no_other() -> None:
    assert table() == settings()


def test_compose_sets_only_what_is_read() -> None:
    for name, service in COMPOSE["services"].items():
        own = {key for key in service.get("environment", {}) if key.startswith(("STEMMATA", "IPFS_API"))}
        assert own <= settings(), name


def test_secrets_are_files_and_nowhere_else() -> None:
    named = {name for service in COMPOSE["services"].values() for name in service.get("secrets", [])}
    assert named == set(COMPOSE["secrets"])
    assert not re.search(r"(?i)password: *[^$\s{/]|passphrase: *[^$\s{/]", (ROOT / "compose.yaml").read_text("utf-8"))


def command(words: list[str]) -> None:
    """Fail unless ``stemmata`` has this command with these options."""
    found: Any = stemmata
    while isinstance(found, click.Group) and words:
        found = found.commands[words.pop(0)]
    options = {name for parameter in found.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options, words


@pytest.mark.parametrize("service", [name for name in COMPOSE["services"] if "image" in COMPOSE["services"][name]])
def test_compose_runs_commands_that_there_are(service: str) -> None:
    entry = COMPOSE["services"][service]
    if entry["image"] == "stemmata" and "entrypoint" not in entry:
        command(list(entry["command"]))
    for line in re.findall(r"stemmata (?:key) .*", str(entry.get("command", ""))):
        command(shlex.split(line.partition(" 3<")[0])[1:3])


def test_the_image_is_made_of_files_that_are_there() -> None:
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for line in re.findall(r"^COPY (?!--from)(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert any(source == name or source.startswith(f"{name}/") for name in kept), source


def test_the_image_has_extras_that_there_are() -> None:
    told = dict(re.findall(r"^ARG (\w+)=(.*)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert set(told["EXTRAS"].split(",")) <= set(extras)
    assert {"serve", "postgresql", "studio"} <= set(told["EXTRAS"].split(","))


def test_every_setting_of_the_guides_examples_is_read() -> None:
    assert set(VARIABLE.findall(GUIDE)) <= settings()

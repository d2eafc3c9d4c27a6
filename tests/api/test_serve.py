"""``stemmata serve``: what it refuses to begin with, and that it begins, answers and ends with one command."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from api.commands.serve import _settings
from api.errors import UsageError
from api.service.guessable import guessable
from api.settings import Settings


@pytest.mark.parametrize(
    "secret",
    ["", "short", "change-me", "CHANGE_ME!", "changeme123", "password", "postgres", "stemmata", "stemmata-demo"],
)
def test_what_stands_in_examples_is_no_secret(secret: str) -> None:
    assert guessable(secret)


@pytest.mark.parametrize(
    "secret", ["correct horse battery staple", "0f7a9c3be1d4", "stemmata grows on trees", "x7x7x7x7x7"]
)
def test_what_nobody_tries_first_is_one(secret: str) -> None:
    assert not guessable(secret)


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"STEMMATA_PASSPHRASE": "change-me"}, "STEMMATA_PASSPHRASE"),
        ({"STEMMATA_DATABASE": "postgresql://stemmata:postgres@127.0.0.1:1/a"}, "STEMMATA_DATABASE"),
        ({"STEMMATA_METRICS_TOKEN": "password1"}, "STEMMATA_METRICS_TOKEN"),
    ],
)
def test_it_does_not_begin_with_a_secret_that_is_none(tmp_path: Path, said: dict[str, str], named: str) -> None:
    environ = {"STEMMATA_HOME": str(tmp_path / "home"), "STEMMATA_PASSPHRASE": "correct horse battery", **said}
    with pytest.raises(UsageError, match=named) as caught:
        _settings(Settings.from_environ(environ), environ, None, None)
    assert next(iter(said.values())) not in str(caught.value)
    assert not (tmp_path / "home").exists()
    demo = {**environ, "STEMMATA_DEMO": "on"}
    assert _settings(Settings.from_environ(demo), demo, None, None)[1].demo


@pytest.mark.parametrize(
    ("host", "demo", "said", "named"),
    [
        ("0.0.0.0", True, {}, "--host 0.0.0.0"),
        ("0.0.0.0", False, {"STEMMATA_DEMO": "on"}, "--host 0.0.0.0"),
        ("127.0.0.1", True, {"STEMMATA_SITE": "https://music.example"}, "https://music.example"),
        ("127.0.0.1", True, {"STEMMATA_PROXIES": "1"}, "STEMMATA_PROXIES"),
    ],
)
def test_a_demo_is_for_this_machine_alone(
    tmp_path: Path, host: str, demo: bool, said: dict[str, str], named: str
) -> None:
    environ = {"STEMMATA_HOME": str(tmp_path / "home"), **said}
    with pytest.raises(UsageError, match=re.escape(named)):
        _settings(Settings.from_environ(environ), environ, "http://127.0.0.1:8750", host, demo=demo)
    assert not (tmp_path / "home").exists()


@pytest.mark.slow
def test_one_command_serves_a_demo_until_it_is_stopped(tmp_path: Path) -> None:
    environ = {**os.environ, "STEMMATA_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    environ.pop("STEMMATA_PASSPHRASE", None)
    program = str(Path(sys.executable).with_name("stemmata"))
    command = [program, "serve", "--demo", "--port", "0", "--json"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            assert said["demo"] == ["holder", "creator"]
            with httpx.Client(base_url=said["url"], timeout=30) as web:
                _until_it_answers(web)
                assert [key["name"] for key in web.get("/v1/signin/demo").json()] == ["creator", "holder"]
                kept = tmp_path / "home" / "demo-passphrase"
                assert kept.stat().st_mode & 0o777 == 0o600
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=40)
            assert process.returncode == 0, err
            assert not out  # one object, and nothing else
            secret = kept.read_text().strip()
            assert len(secret) >= 20
            assert secret not in err
        finally:
            process.kill()
    assert not [pid for pid in _children(os.getpid()) if _called(pid).startswith(("server", "worker"))]


def _until_it_answers(web: httpx.Client) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            assert web.get("/v1/openapi.json").status_code == 200
            return
        except httpx.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def _children(pid: int) -> list[int]:
    return [int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]


def _called(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text()

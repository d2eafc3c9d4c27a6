"""``stemmata watermark``: marks in files, from the command line."""

import json
import stat

import pytest
from chords import chords
from shell import Shell

from api import watermark_keys
from api.commands.watermark import watermark
from api.reports.details import of_finding
from api.workflows.evidence.hearing import Hearing
from api.workflows.evidence.watermark import findings, listen
from gen.audio import load, save
from gen.watermark import detect
from gen.watermark.mark import STRENGTH
from ledger.errors import Malformed, WrongPassphrase
from ledger.findings import Status

ID = "0123456789abcdef"


@pytest.fixture
def shell(tmp_path):
    save(tmp_path / "music.wav", chords(6.0))
    return Shell(tmp_path / "home")


def path(shell, name):
    return str(shell.home.parent / name)


def test_a_mark_is_written_and_read(shell):
    said = shell.run("watermark", "embed", path(shell, "music.wav"), path(shell, "out.wav"), "--id", ID, "--json")
    assert said.code == 0
    assert said.object == {"out": path(shell, "out.wav"), "id": ID, "layer": "public", "seconds": 6.0}
    said = shell.run("watermark", "detect", path(shell, "out.wav"), "--json")
    assert said.code == 0
    [mark] = said.object["marks"]
    assert mark["id"] == ID
    assert mark["start"] == 0
    assert mark["end"] == pytest.approx(6, abs=0.6)
    assert 0 < mark["false_positive"] < 1e-9
    assert ID in shell.run("watermark", "detect", path(shell, "out.wav")).out


def test_a_mark_with_balance_is_read_and_costs_less(shell):
    for name, balance in (("plain.wav", "0"), ("balanced.wav", "0.6")):
        words = ("--id", ID, "--balance", balance)
        assert shell.run("watermark", "embed", path(shell, "music.wav"), path(shell, name), *words).code == 0
    assert ID in shell.run("watermark", "detect", path(shell, "balanced.wav")).out
    music, *marked = (load(path(shell, name)).samples for name in ("music.wav", "plain.wav", "balanced.wav"))
    plain, balanced = (float(((each - music) ** 2).sum()) for each in marked)
    assert balanced < plain / 2
    said = shell.run("watermark", "embed", path(shell, "music.wav"), path(shell, "x.wav"), "--id", ID, "--balance", "2")
    assert said.code == 2


def test_no_mark_is_exit_code_three(shell):
    said = shell.run("watermark", "detect", path(shell, "music.wav"), "--json")
    assert said.code == 3
    assert said.object == {"layer": "public", "marks": [], "whole": True}
    assert "no mark of the public layer" in shell.run("watermark", "detect", path(shell, "music.wav")).out


@pytest.fixture
def few(monkeypatch):
    """As if what may be decoded of a file had been decoded."""
    monkeypatch.setattr(detect, "MOST_DECODED", 1)


def test_what_was_not_read_to_its_end_is_not_called_unmarked(shell, few):
    assert shell.run("watermark", "embed", path(shell, "music.wav"), path(shell, "out.wav"), "--id", ID).code == 0
    said = shell.run("watermark", "detect", path(shell, "out.wav"), "--json")
    assert said.code == 3
    assert said.object == {"layer": "public", "marks": [], "whole": False}
    assert "the rest was not read" in shell.run("watermark", "detect", path(shell, "out.wav")).out


def test_an_audit_says_under_which_keys_it_did_not_read_to_the_end(few):
    hearing = Hearing(keys=(("mine", b"a key of one's own"),))
    listened = listen(chords(6.0), hearing, search_speed=False)
    assert listened.cut_short == ("public", "mine")
    said = [finding for finding in findings(listened, hearing) if "the rest was not read" in finding.detail]
    assert [finding.status for finding in said] == [Status.NOTE] * 2
    assert "the private key mine" in said[1].detail
    assert [of_finding(finding, "es").language for finding in said] == ["es"] * 2


def test_a_private_mark_is_read_with_its_key_alone(shell):
    for name in ("mine", "theirs"):
        assert shell.run("watermark", "key", path(shell, name)).code == 0
        assert stat.S_IMODE((shell.home.parent / name).stat().st_mode) == 0o600
    words = ("--id", ID, "--key", path(shell, "mine"))
    assert shell.run("watermark", "embed", path(shell, "music.wav"), path(shell, "out.wav"), *words).code == 0
    read = ("watermark", "detect", path(shell, "out.wav"), "--json")
    said = shell.run(*read, "--key", path(shell, "mine"))
    assert [mark["id"] for mark in said.object["marks"]] == [ID]
    assert said.object["layer"] == "private"
    assert shell.run(*read, "--key", path(shell, "theirs")).code == 3
    assert shell.run(*read).code == 3


def test_the_strength_is_that_of_the_library():
    asked = {option.name: option.default for option in watermark.commands["embed"].params}
    assert asked["strength"] == STRENGTH


def test_strength_makes_the_mark_louder(shell):
    for name, strength in (("soft.wav", "0.5"), ("loud.wav", "2")):
        words = ("--id", ID, "--strength", strength)
        assert shell.run("watermark", "embed", path(shell, "music.wav"), path(shell, name), *words).code == 0
    host, soft, loud = (load(shell.home.parent / name).samples for name in ("music.wav", "soft.wav", "loud.wav"))
    assert abs(loud - host).sum() > 3 * abs(soft - host).sum()


@pytest.mark.parametrize("wrong", ["", "0123", "0123456789abcdeg", "0123456789abcdef00"])
def test_an_id_of_another_form_is_a_usage_error(shell, wrong):
    said = shell.run("watermark", "embed", path(shell, "music.wav"), path(shell, "out.wav"), "--id", wrong)
    assert said.code == 2
    assert "16 hex digits" in said.err
    assert not (shell.home.parent / "out.wav").exists()


def test_nothing_is_written_over(shell):
    shell.run("watermark", "key", path(shell, "key"))
    before = (shell.home.parent / "key").read_bytes()
    said = shell.run("watermark", "key", path(shell, "key"), "--json")
    assert (said.code, said.object["error"]["name"]) == (2, "OutputExists")
    assert (shell.home.parent / "key").read_bytes() == before
    said = shell.run("watermark", "embed", path(shell, "music.wav"), path(shell, "music.wav"), "--id", ID)
    assert (said.code, "exists already" in said.err) == (2, True)


def test_a_mark_is_not_written_under_the_name_of_another_format(shell):
    said = shell.run("watermark", "embed", path(shell, "music.wav"), path(shell, "out.mp3"), "--id", ID)
    assert (said.code, "name it out.wav" in said.err) == (2, True)
    assert not (shell.home.parent / "out.mp3").exists()


def test_a_file_that_is_no_key_is_refused(shell):
    said = shell.run("watermark", "detect", path(shell, "music.wav"), "--key", path(shell, "music.wav"))
    assert (said.code, "no watermark key" in said.err) == (1, True)


def test_each_member_of_a_key_file_is_checked(tmp_path):
    file = tmp_path / "key"
    watermark_keys.make(file, "open sesame")
    assert len(watermark_keys.read(file, "open sesame")) == 32
    with pytest.raises(WrongPassphrase):
        watermark_keys.read(file, "open barley")
    document = json.loads(file.read_text())
    for name in ("salt", "nonce", "wrapped"):
        turned = f"{int(document[name][0], 16) ^ 1:x}{document[name][1:]}"
        file.write_text(json.dumps({**document, name: turned}))
        with pytest.raises(WrongPassphrase, match="altered"):
            watermark_keys.read(file, "open sesame")
    for name in document:
        file.write_text(json.dumps({key: value for key, value in document.items() if key != name}))
        with pytest.raises(Malformed, match="no watermark key"):
            watermark_keys.read(file, "open sesame")

"""Files signed by other software, audited: who signed them and with what, that they name nothing of ours, no more."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from shell import Shell

VECTORS = Path(__file__).parents[1] / "vectors" / "c2pa"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "harbour.m4a",
            ("ok: whole, signed by CN=Harbour Radio", "note: made with Harbour Radio 3.1, it names no track"),
        ),
        ("lowtide.ogg", ("ok: whole, signed by CN=Low Tide Press", "note: made with c2pie, it names no track")),
        ("harbour.mp3", ("warning: signed by CN=Harbour Radio signing,O=Harbour Radio; but it leaves out more",)),
    ],
)
def test_a_whole_one_is_unknown_and_nothing_worse(shell: Shell, name: str, said: tuple[str, ...]) -> None:
    done = shell.run("audit", str(VECTORS / name), "--json")
    told = done.object
    assert (done.code, told["verdict"]) == (3, "unknown")
    found = [f"{one['status']}: {one['detail']}" for one in told["findings"] if one["check"] == "manifest"]
    assert len(found) == len(said)
    assert all(one.startswith(wanted) for one, wanted in zip(found, said, strict=True))
    (evidence,) = (one for one in told["evidence"] if one["layer"] == "manifest")
    assert evidence["track"] is None


def test_an_altered_one_is_invalid(shell: Shell, tmp_path: Path) -> None:
    for each in VECTORS.glob("lowtide.ogg*"):
        shutil.copy(each, tmp_path)
    beside = tmp_path / "lowtide.ogg.c2pa"
    whole = beside.read_bytes()
    at = whole.index(b"Low Tide Press")
    beside.write_bytes(whole[:at] + b"Loud" + whole[at + 4 :])
    done = shell.run("audit", str(tmp_path / "lowtide.ogg"), "--json")
    assert (done.code, done.object["verdict"]) == (4, "invalid")

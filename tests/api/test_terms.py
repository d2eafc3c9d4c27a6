"""Terms of datasets: said when they are registered, changed later, and ended for good."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from chords import chords
from coin import coin
from shell import Shell
from story import Story

from api import terms as words
from api.errors import UsageError
from gen.audio import save
from ledger.address import Address
from ledger.records import Terms

NOW = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)
TOKEN = "0x" + "11" * 20


def registered(shell: Shell, folder: Path, seed: int, *options: str) -> dict:
    """A dataset of anna's; a seed of its own makes recordings of its own."""
    save(folder / f"{seed}.wav", chords(3.0, seed))
    said = ("--title", "T", "--license", "CC0-1.0", "--share", "5", "--key", "anna")
    return shell.json("dataset", "add", str(folder), *said, *options)


def test_a_dataset_is_registered_with_all_its_terms(shell: Shell, story: Story, tmp_path: Path) -> None:
    options = ("--price", "250", "--currency", TOKEN, "--until", "2099-12-31", "--use", "commercial", "--use", "train")
    added = registered(shell, tmp_path, 201, *options, "--allow", "mining", "--allow", "inference=constrained")
    terms = {
        "price": "250",
        "currency": TOKEN,
        "share": "5",
        "uses": ["train", "commercial"],
        "until": "2099-12-31T23:59:59Z",
        "allow": {"mining": "allowed", "inference": "constrained"},
    }
    assert added.items() >= terms.items()
    shown = shell.json("dataset", "show", str(added["dataset"]))
    assert shown.items() >= terms.items()
    text = shell.run("dataset", "show", str(added["dataset"])).out
    assert f"250 of token {TOKEN} to train, commercial" in text
    assert "mining allowed without a license" in text


def test_terms_change_one_by_one_and_only_by_the_owner(shell: Shell, tmp_path: Path) -> None:
    id = str(registered(shell, tmp_path, 202, "--price", "0.05")["dataset"])
    changed = shell.json("dataset", "terms", id, "--price", "0.02", "--key", "anna")
    assert (changed["price"], changed["share"], changed["already"]) == ("0.02", "5", False)
    assert shell.json("dataset", "terms", id, "--price", "0.02", "--key", "anna")["already"] is True
    changed = shell.json("dataset", "terms", id, "--share", "7.5", "--until", "2099-01-01", "--key", "anna")
    assert (changed["price"], changed["share"], changed["until"]) == ("0.02", "7.5", "2099-01-01T23:59:59Z")
    assert shell.json("dataset", "terms", id, "--until", "never", "--key", "anna")["until"] is None
    changed = shell.json("dataset", "terms", id, "--currency", TOKEN, "--price", "9", "--key", "anna")
    assert (changed["price"], changed["currency"]) == ("9", TOKEN)
    assert (
        shell.json("dataset", "terms", id, "--allow", "inference", "--key", "anna")["allow"]["inference"] == "allowed"
    )
    assert shell.json("dataset", "terms", id, "--use", "none", "--key", "anna")["uses"] == []
    assert "not on offer for any use" in shell.refusal("license", "buy", id, "--use", "train", "--key", "carl")
    assert "NotOwner" in shell.refusal("dataset", "terms", id, "--price", "1", "--key", "ben")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ((), "nothing to change"),
        (("--price", "cheap"), "price 'cheap'"),
        (("--price", "50000000000000000"), "not in wei"),
        (("--currency", TOKEN), "--currency"),
        (("--currency", "0x12", "--price", "1"), "--currency '0x12'"),
        (("--currency", "0x" + "00" * 20, "--price", "1"), "--currency"),
        (("--currency", TOKEN, "--price", "0.5"), "--price '0.5'"),
        (("--until", "2001-01-01"), "--until 2001-01-01"),
        (("--until", "soon"), "--until 'soon'"),
        (("--allow", "copying"), "--allow copying"),
        (("--allow", "mining=maybe"), "--allow mining=maybe"),
        (("--use", "none", "--use", "train"), "--use none"),
    ],
)
def test_terms_that_make_no_sense_are_refused_by_name(shell: Shell, options: tuple[str, ...], named: str) -> None:
    assert named in shell.refusal("dataset", "terms", "1", *options, "--key", "anna", code=2)


def test_consent_is_withdrawn_for_good_and_sold_licenses_stay(shell: Shell, story: Story, tmp_path: Path) -> None:
    id = str(registered(shell, tmp_path, 203, "--price", "0.05")["dataset"])
    assert shell.json("license", "buy", id, "--use", "train", "--key", "carl")["already"] is False
    assert "--yes" in shell.refusal("dataset", "withdraw", id, "--key", "anna", code=2)
    assert shell.json("dataset", "show", id)["consent"] is True
    assert "NotOwner" in shell.refusal("dataset", "withdraw", id, "--yes", "--key", "ben")
    done = shell.json("dataset", "withdraw", id, "--yes", "--key", "anna")
    assert done == {"dataset": int(id), "consent": False, "already": False}
    assert shell.json("dataset", "withdraw", id, "--key", "anna")["already"] is True
    assert "Licenses sold before stay valid" in shell.run("dataset", "withdraw", id, "--key", "anna").out
    assert "ConsentWithdrawn" in shell.refusal("license", "buy", id, "--use", "train", "--key", "ben")
    assert "ConsentWithdrawn" in shell.refusal("dataset", "terms", id, "--price", "1", "--key", "anna")
    assert shell.json("license", "buy", id, "--use", "train", "--key", "carl")["already"] is True


def test_a_license_is_paid_in_a_token(shell: Shell, story: Story, tmp_path: Path) -> None:
    token = coin(story.home, story.home.signer("ben"), story.creator.address)
    id = str(registered(shell, tmp_path, 204, "--price", "250", "--currency", str(token))["dataset"])
    bought = shell.json("license", "buy", id, "--use", "train", "--key", "carl")
    assert (bought["price"], bought["currency"]) == ("250", str(token))
    with story.home.ledger() as ledger:
        assert ledger.contracts.tokens(story.creator.address, token) == 10**9 - 250


def test_amounts_are_said_as_they_are_read() -> None:
    token = Address.parse(TOKEN)
    assert words.price(words.amount(5 * 10**16, None), None) == 5 * 10**16
    assert words.price(words.amount(5 * 10**16, token), token) == 5 * 10**16
    assert words.money(10**18, None) == "1 ETH"
    assert words.as_text(Terms(price=0, royalty_ppm=0, uses=())) == "not on offer, 0 % of royalties"


def test_a_last_day_is_meant_whole() -> None:
    assert words.until("2026-11-23", NOW) == "2026-11-23T23:59:59Z"
    assert words.until("2026-11-23T12:00:00Z", NOW) == "2026-11-23T12:00:00Z"
    with pytest.raises(UsageError, match="over already"):
        words.until("2026-11-22", NOW)

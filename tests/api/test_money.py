"""Money by command: a model on offer, a track sold, royalties pulled by whoever holds a share, income fetched."""

from __future__ import annotations

from pathlib import Path

import pytest
from coin import coin
from shell import Shell
from story import MICRO, Story, new_key, now

from api.workflows import generation, minting, training
from ledger.address import Address


@pytest.fixture(scope="module")
def dora(story: Story) -> str:
    return str(new_key(story.home, "dora").address)


def minted(story: Story, folder: Path, seed: int) -> Path:
    """A new track of carl's, who asks for the usual tenth."""
    path = folder / f"{seed}.wav"
    creator = story.creator
    generation.generate(story.home, story.model, seconds=3, seed=seed, creator=creator.address, out=path, now=now)
    minting.mint(story.home, path, signer=creator)
    return path


def test_a_model_is_offered_and_licensed_to_generate(shell: Shell, story: Story, dora: str) -> None:
    id = str(story.model)
    shown = shell.json("model", "show", id)
    assert shown["owner"] == str(story.creator.address)
    assert shown["terms"]["uses"] == []
    assert {"dataset": 1, "percent": "2.5"} in shown["dues"]
    assert "owes     2.5 % to the holder of dataset 2" in shell.run("model", "show", id).out
    buy = ("license", "buy", id, "--model", "--use", "generate", "--key", "dora")
    assert "UseNotOffered" in shell.refusal(*buy)
    assert "--price" in shell.refusal("model", "offer", id, "--key", "carl", code=2)
    assert "NotOwner" in shell.refusal("model", "offer", id, "--price", "1", "--key", "anna")
    offer = ("model", "offer", id, "--price", "0.2", "--until", "2099-12-31", "--key", "carl")
    assert shell.json(*offer)["terms"]["until"] == "2099-12-31T23:59:59Z"
    assert shell.json(*offer)["already"] is True
    bought = shell.json(*buy)
    assert (bought["model"], bought["price"], bought["until"]) == (story.model, "0.2", "2099-12-31T23:59:59Z")
    assert shell.json(*buy)["already"] is True
    assert shell.json("model", "offer", id, "--use", "none", "--key", "carl")["terms"]["uses"] == []
    granted = shell.json("license", "grant", "--model", id, "--to", dora, "--use", "commercial", "--key", "carl")
    assert (granted["model"], granted["uses"]) == (story.model, ["commercial"])


def test_a_sale_pays_everybody(shell: Shell, story: Story, dora: str, tmp_path: Path) -> None:
    track = minted(story, tmp_path, 401)
    token = shell.json("market", "show", str(track))["track"]
    assert shell.json("market", "show", token) == shell.json("market", "show", str(track))
    listing = ("market", "list", token, "--price", "1", "--key", "carl")
    assert "NotOwner" in shell.refusal("market", "list", token, "--price", "1", "--key", "anna")
    assert "NotOffered" in shell.refusal("market", "buy", token, "--key", "dora")
    offer = shell.json(*listing)["offer"]
    assert (offer["price"], offer["royalty"], offer["live"]) == ("1", "0.1", True)
    assert shell.json(*listing)["already"] is True
    own = shell.json("market", "buy", token, "--key", "carl")
    assert (own["already"], own["offer"]) == (True, offer)  # nothing to pay, but it is on sale
    assert "NotOwner" in shell.refusal("market", "unlist", token, "--key", "anna")
    assert "PriceNotMet" in shell.refusal("market", "buy", token, "--price", "0.9", "--key", "dora")
    assert shell.json("market", "buy", token, "--price", "1", "--key", "dora")["owner"] == dora
    assert shell.json("market", "buy", token, "--key", "dora")["already"] is True
    assert shell.json("market", "show", token)["offer"] is None

    shown = shell.json("royalties", "show", token)
    assert [(share["kind"], share["percent"], share["due"]) for share in shown["shares"]] == [
        ("account", "95", "0.095"),
        ("dataset", "2.5", "0.0025"),
        ("dataset", "2.5", "0.0025"),
    ]
    assert "NotOwner" in shell.refusal("royalties", "pull", token, "--key", "dora")
    paid = shell.json("royalties", "pull", str(track), "--key", "anna")["paid"]
    assert [(share["holder"], share["amount"]) for share in paid] == [(1, "0.0025")]
    assert shell.json("royalties", "pull", token, "--key", "anna")["paid"] == []
    assert "nothing is due" in shell.run("royalties", "pull", token, "--key", "anna").out
    assert len(shell.json("royalties", "pull", token, "--all", "--key", "dora")["paid"]) == 2
    assert {share["due"] for share in shell.json("royalties", "show", token)["shares"]} == {"0"}

    assert shell.json("income", "show", "--key", "carl")["market"] == "0.9"
    with story.home.ledger() as ledger:
        before = ledger.chain.balance(story.creator.address)
    fetched = shell.json("income", "withdraw", "--key", "carl")
    with story.home.ledger() as ledger:
        gained = ledger.chain.balance(story.creator.address) - before
    assert fetched["market"] == "0.9"
    assert gained >= 9 * 10**17 - 10**13  # the gas
    assert shell.json("income", "withdraw", "--key", "carl")["market"] == "0"
    assert "nothing is credited" in shell.run("income", "show", "--key", "carl").out


def test_a_sale_in_a_token(shell: Shell, story: Story, dora: str, tmp_path: Path) -> None:
    track = str(minted(story, tmp_path, 402))
    signer = story.home.signer("dora")
    token = str(coin(story.home, story.home.signer("ben"), signer.address))
    shell.json(
        "market", "list", track, "--price", "1000", "--currency", token, "--until", "2099-12-31", "--key", "carl"
    )
    assert "price '0.5'" in shell.refusal("market", "buy", track, "--price", "0.5", "--key", "dora", code=2)
    taken = shell.json("market", "buy", track, "--price", "1000", "--key", "dora")["offer"]
    assert (taken["price"], taken["royalty"], taken["currency"]) == ("1000", "100", token)
    assert shell.json("royalties", "pull", track, "--currency", token, "--key", "carl")["paid"][0]["amount"] == "95"
    assert shell.json("income", "withdraw", "--currency", token, "--key", "carl")["market"] == "900"


def test_what_a_license_earned_is_fetched(shell: Shell) -> None:
    assert shell.json("income", "show", "--key", "ben")["licenses"] == "0.01"
    assert "0.01 ETH from licenses fetched" in shell.run("income", "withdraw", "--key", "ben").out
    assert shell.json("income", "show", "--key", "ben")["licenses"] == "0"


def test_an_offer_ends_or_goes_stale(shell: Shell, story: Story, dora: str, tmp_path: Path) -> None:
    track = str(minted(story, tmp_path, 403))
    shell.json("market", "list", track, "--price", "1", "--key", "carl")
    assert shell.json("market", "unlist", track, "--key", "carl")["offer"] is None
    assert shell.json("market", "unlist", track, "--key", "carl")["already"] is True
    shell.json("market", "list", track, "--price", "1", "--key", "carl")
    id = int(shell.json("market", "show", track)["track"], 16)
    with story.home.ledger() as ledger:
        ledger.contracts._on.send(story.creator, "Tracks", "approve", Address(bytes(20)), id)
    assert shell.json("market", "show", track)["offer"]["live"] is False
    assert shell.json("market", "list", track, "--price", "1", "--key", "carl")["offer"]["live"] is True
    with story.home.ledger() as ledger:
        to = story.home.keystore().address("ben")
        ledger.contracts._on.send(story.creator, "Tracks", "transferFrom", story.creator.address, to, id)
    assert shell.json("market", "show", track)["offer"]["live"] is False
    assert "not for sale" in shell.refusal("market", "buy", track, "--key", "dora")


def test_royalties_are_asked_when_training_and_minting(shell: Shell, story: Story, tmp_path: Path) -> None:
    trained = training.train(story.home, [1], preset=MICRO, seed=9, signer=story.creator, now=now, royalty_ppm=20_000)
    assert shell.json("model", "show", str(trained.entry.id))["royalty"] == "2"
    track = tmp_path / "dear.wav"
    generate = ("generate", "--model", str(trained.entry.id), "--seconds", "3", "--out", str(track), "--key", "carl")
    shell.json(*generate)
    assert "royalty '101'" in shell.refusal("mint", str(track), "--royalty", "101", "--key", "carl", code=2)
    made = shell.json("mint", str(track), "--royalty", "25", "--key", "carl")
    assert made["royalty"] == "25"
    shown = shell.json("royalties", "show", made["watermark"])
    assert (shown["royalty"], [share["percent"] for share in shown["shares"]]) == ("25", ["93", "2", "5"])
    words = ("train", "--dataset", "1", "--royalty", "half", "--key", "carl")
    assert "royalty 'half'" in shell.refusal(*words, code=2)


@pytest.mark.parametrize(("track", "code", "named"), [("nowhere.wav", 2, "TRACK"), ("0" * 16, 1, "NotFound")])
def test_a_track_that_is_none_is_refused_by_name(shell: Shell, track: str, code: int, named: str) -> None:
    assert named in shell.refusal("royalties", "show", track, code=code)


def test_a_file_that_was_never_minted_is_no_track(shell: Shell, story: Story) -> None:
    recording = next(story.folder.glob("recordings in C/*.wav"))
    assert "stemmata audit" in shell.refusal("market", "show", str(recording))

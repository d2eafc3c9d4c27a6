"""Licenses by command: bought for what is not licensed yet, granted by owners, and good for an audit."""

from __future__ import annotations

from pathlib import Path

import pytest
from chords import chords
from shell import Shell
from story import MICRO, Story, new_key, now

from api.workflows import generation, minting, training
from gen.audio import save
from ledger.address import Address
from ledger.archive import fetch, publish
from ledger.digest import Digest
from ledger.findings import Verdict
from ledger.records import LicenseRecord


@pytest.fixture(scope="module")
def dora(story: Story) -> str:
    return str(new_key(story.home, "dora").address)


def dataset(shell: Shell, folder: Path, seed: int, *uses: str) -> str:
    save(folder / f"{seed}.wav", chords(8.0, seed))
    said = ("--title", "T", "--license", "CC0-1.0", "--price", "0.05", "--share", "5", "--key", "anna")
    options = [word for use in uses or ("train",) for word in ("--use", use)]
    return str(shell.json("dataset", "add", str(folder), *said, *options)["dataset"])


def test_only_what_is_not_licensed_yet_is_bought(shell: Shell, dora: str, tmp_path: Path) -> None:
    id = dataset(shell, tmp_path, 301, "train", "commercial")
    buy = ("license", "buy", id, "--key", "dora")
    assert shell.json(*buy, "--use", "train")["uses"] == ["train"]
    both = shell.json(*buy, "--use", "commercial", "--use", "train")
    assert (both["license"], both["uses"], both["already"]) == (2, ["commercial"], False)
    assert shell.json(*buy, "--use", "commercial", "--use", "train")["already"] is True
    assert "UseNotOffered" in shell.refusal(*buy, "--use", "generate")


def test_a_price_that_was_named_is_paid_or_nothing_is(shell: Shell, dora: str, tmp_path: Path) -> None:
    id = dataset(shell, tmp_path, 302)
    buy = ("license", "buy", id, "--use", "train", "--key", "dora")
    assert "PriceNotMet" in shell.refusal(*buy, "--price", "0.04")
    assert shell.json(*buy, "--price", "0.05")["price"] == "0.05"


@pytest.mark.slow
def test_a_granted_license_carries_a_track_through_the_audit(
    shell: Shell, story: Story, dora: str, tmp_path: Path
) -> None:
    source = tmp_path / "recordings"
    source.mkdir()
    id = dataset(shell, source, 303)
    grant = ("license", "grant", "--dataset", id, "--to", dora, "--use", "train", "--key", "anna")
    given = shell.json(*grant)
    assert (given["licensee"], given["price"], given["share"], given["until"]) == (dora, "0", "5", None)
    assert shell.json(*grant)["already"] is True
    assert shell.json(*grant, "--until", "2099-12-31")["already"] is True
    signer = story.home.signer("dora")
    model = training.train(story.home, [int(id)], preset=MICRO, seed=3, signer=signer, now=now)
    track = tmp_path / "granted.wav"
    generation.generate(story.home, model.entry.id, seconds=12, seed=1, creator=signer.address, out=track, now=now)
    minting.mint(story.home, track, signer=signer)
    outcome = story.audit(track)
    assert outcome.verdict is Verdict.VERIFIED, outcome.findings
    assert outcome.tracks[0].model.datasets[0].license is not None


def test_a_grant_with_an_end_is_renewed_and_only_the_owner_gives_it(shell: Shell, dora: str, tmp_path: Path) -> None:
    id = dataset(shell, tmp_path, 304)
    grant = ("license", "grant", "--dataset", id, "--to", dora, "--use", "train")
    assert "NotOwner" in shell.refusal(*grant, "--key", "carl")
    first = shell.json(*grant, "--until", "2098-12-31", "--key", "anna")
    assert first["until"] == "2098-12-31T23:59:59Z"
    assert shell.json(*grant, "--until", "2099-12-31", "--key", "anna")["license"] == 2
    owner = shell.json("dataset", "show", id)["owner"]
    own = ("license", "grant", "--dataset", id, "--to", owner, "--use", "train", "--key", "anna")
    assert shell.json(*own)["license"] is None
    assert "no license needed" in shell.run(*own).out
    shell.json("dataset", "withdraw", id, "--yes", "--key", "anna")
    assert "ConsentWithdrawn" in shell.refusal(*grant, "--key", "anna")


def test_a_grant_never_raises_the_royalty_that_was_agreed_to(
    shell: Shell, story: Story, dora: str, tmp_path: Path
) -> None:
    id = dataset(shell, tmp_path, 305)
    shell.json("license", "buy", id, "--use", "train", "--key", "dora")
    shell.json("dataset", "terms", id, "--share", "50", "--use", "train", "--use", "commercial", "--key", "anna")
    grant = ("license", "grant", "--dataset", id, "--to", dora, "--use", "train", "--use", "commercial")
    given = shell.json(*grant, "--key", "anna")
    assert given["share"] == "5"
    with story.home.ledger() as ledger:
        anna = story.home.keystore().address("anna")
        record = fetch(ledger.store, LicenseRecord, given["cid"], Digest.parse(given["record"]), anna)
    assert record.royalty_ppm == 50_000


def test_a_grant_under_a_record_that_nobody_signed_is_not_the_one_trained_under(
    shell: Shell, story: Story, dora: str, tmp_path: Path
) -> None:
    from api.workflows.licenses import held_license

    id = int(dataset(shell, tmp_path, 306))
    bought = shell.json("license", "buy", str(id), "--use", "train", "--key", "dora")
    with story.home.ledger() as ledger:
        entry = ledger.contracts.dataset(id)
        terms = {"subject_kind": "dataset", "subject_id": id, "subject_record": entry.record, "uses": ("train",)}
        span = {"valid_from": "2026-11-23T10:00:00Z", "valid_until": None}
        who = Address.parse(dora)
        made_up = LicenseRecord(**terms, **span, licensee=who, price=0, currency=None, royalty_ppm=50_000)
        cid = str(publish(ledger.store, made_up, story.home.signer("ben")))
        anna = story.home.signer("anna")
        ledger.contracts.grant_license(anna, "dataset", id, who, ("train",), None, made_up.digest, cid)
        held = held_license(ledger, "dataset", id, who, "train")
    assert held is not None
    assert held.id == bought["license"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--to", "0x" + "11" * 20, "--use", "train"), "--dataset and --model"),
        (("--dataset", "1", "--model", "1", "--to", "0x" + "11" * 20, "--use", "train"), "--dataset and --model"),
        (("--dataset", "1", "--to", "dora", "--use", "train"), "--to 'dora'"),
        (("--dataset", "1", "--to", "0x" + "11" * 20), "--use"),
    ],
)
def test_grants_that_make_no_sense_are_refused_by_name(shell: Shell, words: tuple[str, ...], named: str) -> None:
    assert named in shell.refusal("license", "grant", *words, "--key", "anna", code=2)

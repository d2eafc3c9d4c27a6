"""Keys through their whole life: published by themselves, rotated, revoked, recovered, and what an audit says then."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from shell import Shell
from story import MICRO, PASSPHRASE, TERMS, Story, now

from api.home import Home
from api.settings import Settings
from api.workflows import datasets, generation, keys, licenses, minting, royalties, training
from api.workflows.audit import Audit, audit
from ledger.address import Address
from ledger.chain import Chain
from ledger.cid import Cid
from ledger.errors import KeyEnded, KeyNotFound, NotOwner
from ledger.findings import Finding, Status, Verdict
from ledger.keys import Signer
from ledger.store import BlockStore


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(Settings(home=tmp_path / "home", passphrase=PASSPHRASE))
    for name in ("anna", "bert"):
        made.keystore().new(name, PASSPHRASE, scrypt_n=2)
    return made


def ready(home: Home, name: str) -> None:
    """A key that is to follow, made cheaply."""
    home.keystore().new(f"{name}@next", PASSPHRASE, scrypt_n=2)


def rotate(home: Home, name: str, **options: object) -> keys.Rotated:
    return keys.rotate(home, name, reason="superseded", now=now, **options)  # type: ignore[arg-type]


def revoke(home: Home, name: str, by: str | None = None, since: str | None = None) -> keys.Revoked:
    return keys.revoke(
        home,
        home.keystore().address(name),
        reason="compromised" if since else "lost",
        signer=home.signer(by or name),
        now=now,
        confirm=lambda: None,
        since=since,
    )


def history(home: Home, name: str) -> keys.History:
    with home.ledger() as ledger:
        return keys.history(ledger, home.keystore().address(name))


def said(outcome: Audit, check: str, status: Status) -> list[Finding]:
    return [finding for finding in outcome.findings if (finding.check, finding.status) == (check, status)]


# -- published by themselves


def test_each_account_of_the_story_published_once_before_its_first_record(story: Story) -> None:
    for name in ("anna", "ben", "carl"):
        found = history(story.home, name)
        assert len(found.published) == 1, name
        entry, public = found.published[0]
        assert public == story.home.keystore().card(name).public
        with story.home.ledger() as ledger:
            records = [*ledger.contracts.datasets(), *_licenses(ledger, found.account)]
        assert all(entry.block < record.block for record in records if _signer(record) == found.account)


def _licenses(ledger, account):
    for dataset in ledger.contracts.datasets():
        yield from ledger.contracts.licenses("dataset", dataset.id, account)


def _signer(record):
    return getattr(record, "holder", None) or record.licensee


def test_every_record_of_the_story_is_co_signed(story: Story) -> None:
    outcome = audit(story.home, story.track)
    assert outcome.verdict is Verdict.VERIFIED
    records = said(outcome, "record", Status.OK)
    assert len(records) >= 4
    assert len(said(outcome, "co-signature", Status.OK)) == len(said(outcome, "key", Status.OK)) == len(records)


def test_companions_that_changed_are_published_anew(home: Home) -> None:
    with home.ledger() as ledger:
        home.introduce(ledger, home.signer("anna"))
        home.introduce(ledger, home.signer("anna"))
        address = home.keystore().address("anna")
        assert len(ledger.contracts.published_keys(address)) == 1
        (home.path / "keys" / "anna.companions.json").unlink()
        home.introduce(ledger, home.signer("anna"))
        assert len(ledger.contracts.published_keys(address)) == 2


def test_a_lost_key_record_is_published_anew(home: Home) -> None:
    with home.ledger() as ledger:
        home.introduce(ledger, home.signer("anna"))
        (entry,) = ledger.contracts.published_keys(home.keystore().address("anna"))
        name = Cid.parse(entry.cid).digest.hex()
        (home.path / "content" / name[:2] / name[2:4] / name).unlink()
        home.introduce(ledger, home.signer("anna"))
        assert len(ledger.contracts.published_keys(home.keystore().address("anna"))) == 2


def test_whoever_does_not_co_sign_publishes_nothing(home: Home) -> None:
    plain = Home(replace(home.settings, cosign=False))
    with plain.ledger() as ledger:
        plain.introduce(ledger, plain.signer("anna"))
        assert ledger.contracts.published_keys(plain.keystore().address("anna")) == ()


# -- rotation


def test_a_rotation_gives_the_name_to_a_new_key(home: Home) -> None:
    ready(home, "anna")
    _rotates(home)


@pytest.mark.slow
def test_the_key_that_follows_is_made_where_none_waits(home: Home) -> None:
    _rotates(home)


def test_a_key_that_ended_is_marked(home: Home) -> None:
    done, shell = rotate(home, "anna"), Shell(home.path)
    old, new = shell.json("key", "list")["keys"][1], shell.json("key", "show", "anna")
    assert (old["key"], old["ended"]["block"], old["ended"]["successor"]) == ("anna@1", done.end.block, new["address"])
    assert new["ended"] is None
    mark = f"  (ended in block {done.end.block})"
    assert [mark in line for line in shell.run("key", "list").out.splitlines()] == [False, True, False]
    assert mark in shell.run("key", "show", "anna@1").out and mark in shell.run("key", "new", "anna@1").out
    with pytest.raises(KeyEnded) as refusal, home.acting(home.keystore().address("anna@1")):
        pass
    assert "the key 'anna@1' (0x" in str(refusal.value) and "the key 'anna' (0x" in str(refusal.value)


def _rotates(home: Home) -> None:
    old = home.keystore().address("anna")
    done = rotate(home, "anna")
    keystore = Home(home.settings).keystore()
    assert (done.name, done.former, done.end.account) == ("anna", "anna@1", old)
    assert keystore.names() == ("anna", "anna@1", "bert")
    assert keystore.address("anna@1") == old
    assert keystore.address("anna") == done.end.successor != old
    told = history(home, "anna@1")
    assert told.end == done.end
    assert not isinstance(told.ending, str)
    assert told.ending is not None
    assert (told.ending.event, told.ending.reason) == ("rotated", "superseded")
    assert told.ending.keys == keystore.card("anna@1").public
    assert [public for _, public in history(home, "anna").published] == [keystore.card("anna").public]


def test_keys_follow_each_other(home: Home) -> None:
    first = home.keystore().address("anna")
    for number in (1, 2, 3):
        ready(home, "anna")
        assert rotate(home, "anna").former == f"anna@{number}"
    assert history(home, "anna@1").account == first
    for number in (1, 2):
        assert history(home, f"anna@{number}").end.successor == home.keystore().address(f"anna@{number + 1}")


def test_nothing_is_rotated_that_is_not_there(home: Home) -> None:
    with pytest.raises(KeyNotFound, match="zoe"):
        rotate(home, "zoe")


def test_a_revoked_key_is_not_rotated(home: Home) -> None:
    revoke(home, "anna")
    with pytest.raises(KeyEnded, match="for good"):
        rotate(home, "anna")
    assert home.keystore().names() == ("anna", "bert")


def test_a_stranger_rotates_nothing_and_leaves_nothing(home: Home) -> None:
    with pytest.raises(NotOwner):
        rotate(home, "anna", by=home.signer("bert"))
    assert home.keystore().names() == ("anna", "bert")
    assert history(home, "anna").end is None


def test_a_recovery_rotates_a_key_that_does_not_open_any_more(home: Home) -> None:
    recovery = home.signer("bert")
    account = home.keystore().address("anna")
    keys.name_recovery(home, account, recovery.address, signer=home.signer("anna"))
    (home.path / "keys" / "anna.companions.json").unlink()
    path = home.path / "keys" / "anna.json"
    path.write_text(path.read_text().replace('"mac":"', '"mac":"00').replace('"mac": "', '"mac": "00'))
    ready(home, "anna")
    done = rotate(home, "anna", by=recovery)
    assert (done.end.account, done.end.by) == (account, recovery.address)
    assert history(home, "anna@1").ending.keys is None


UNBOUNDED = 10**9


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def stops(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Every step that changes the home or the chain is counted; the one whose turn is 0 is never reached."""
    left = [UNBOUNDED]

    def counted(owner, name):
        done = getattr(owner, name)

        def step(*arguments, **options):
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return done(*arguments, **options)

        monkeypatch.setattr(owner, name, step)

    for owner, name in ((os, "link"), (os, "unlink"), (Chain, "send"), (Chain, "fund"), (BlockStore, "add_bytes")):
        counted(owner, name)
    yield left


@pytest.mark.slow
def test_a_rotation_stopped_anywhere_goes_on(home: Home, stops: list[int], tmp_path: Path) -> None:
    with home.ledger():
        pass
    ready(home, "anna")
    old = home.keystore().address("anna")
    for steps in range(100):
        trial = Home(replace(home.settings, home=tmp_path / f"trial-{steps}"))
        shutil.copytree(home.path, trial.path)
        stops[0] = steps
        try:
            rotate(trial, "anna")
        except Killed:
            done = False
        else:
            done = True
        stops[0] = UNBOUNDED
        if done:
            break
        _goes_on(Home(trial.settings), old)
    assert steps > 10


def _goes_on(home: Home, old: Address) -> None:
    keystore = home.keystore()
    assert old in {keystore.address(name) for name in keystore.names()}
    if keystore.names() != ("anna", "anna@1", "bert"):  # else only the last word was not said
        assert rotate(home, "anna").end.account == old
    assert keystore.names() == ("anna", "anna@1", "bert")
    end = history(home, "anna@1").end
    assert end is not None
    assert (end.account, end.successor) == (old, keystore.address("anna"))
    for name in ("anna", "anna@1"):
        assert keystore.unlock(name, PASSPHRASE).companions is not None
    assert len(history(home, "anna").published) == 1
    # Nothing is left that the next rotation would stumble over.
    ready(home, "anna")
    assert len(list((home.path / "keys").iterdir())) == 8


# -- revocation and what an audit says


@dataclass(frozen=True)
class Ended:
    """The end of the creator's key, and what an audit of the track said before."""

    done: keys.Revoked
    before: Audit
    signer: Signer


@pytest.fixture(scope="module")
def ended(story: Story) -> Ended:
    before = audit(story.home, story.track)
    # In other hands since long before anything was signed, says who ends it.
    return Ended(revoke(story.home, "carl", since="2020-01-01T00:00:00Z"), before, story.home.signer("carl"))


def test_a_track_stays_verified_when_its_creator_s_key_is_revoked(story: Story, ended: Ended) -> None:
    assert ended.before.verdict is Verdict.VERIFIED
    assert not ended.done.already
    after = audit(story.home, story.track)
    assert after.verdict is Verdict.VERIFIED
    notes = [finding.detail for finding in said(after, "key", Status.NOTE)]
    assert any(f"revoked in block {ended.done.end.block}" in note for note in notes)
    assert any("in other hands since 2020-01-01T00:00:00Z" in note and "decides nothing" in note for note in notes)
    assert revoke(story.home, "carl") == keys.Revoked(ended.done.end, already=True)


def test_an_ended_key_signs_nothing_new(story: Story, ended: Ended, tmp_path: Path) -> None:
    home, signer = story.home, ended.signer
    with home.ledger() as ledger:
        block = ledger.chain.block_number
    for act in (
        lambda: datasets.add(home, tmp_path, title="T", license_="CC0-1.0", terms=TERMS, signer=signer, now=now),
        lambda: licenses.buy(home, "dataset", 1, uses=("generate",), signer=signer, now=now),
        lambda: licenses.grant(
            home, "model", 1, licensee=Address(bytes(20)), uses=("generate",), until=None, signer=signer, now=now
        ),
        lambda: training.train(home, [1], preset=MICRO, seed=2, signer=signer, now=now),
        lambda: minting.mint(home, story.track, signer=signer),
        lambda: generation.generate(
            home, 1, seconds=5, seed=1, creator=signer.address, out=tmp_path / "x.wav", now=now
        ),
    ):
        with pytest.raises(KeyEnded, match="was revoked in block"):
            act()
    with home.ledger() as ledger:
        assert ledger.chain.block_number == block
    assert list(tmp_path.iterdir()) == []
    # What its account owns, it can still fetch.
    assert royalties.pull(home, str(story.track), signer=signer).paid == ()


def test_the_command_line_tells_the_whole_story(shell: Shell, story: Story) -> None:
    keystore = story.home.keystore()
    for name in ("gina", "rita"):
        keystore.new(name, PASSPHRASE, scrypt_n=2)
    gina, rita = (str(keystore.address(name)) for name in ("gina", "rita"))
    assert shell.json("key", "history", "gina") == {
        "address": gina,
        "published": [],
        "recovery": None,
        "ended": None,
    }
    assert shell.json("key", "recovery", "gina", rita) == {"address": gina, "recovery": rita, "already": False}
    assert shell.json("key", "recovery", "gina", rita)["already"] is True
    ready(story.home, "gina")
    rotated = shell.json("key", "rotate", "gina", "--reason", "lost", "--by", "rita")
    assert (rotated["key"], rotated["former"], rotated["ended"]["by"]) == ("gina", "gina@1", rita)
    assert rotated["address"] == rotated["ended"]["successor"] != gina
    told = shell.json("key", "history", gina)
    assert (told["ended"]["successor"], told["ended"]["reason"]) == (rotated["address"], "lost")
    assert len(shell.json("key", "history", "gina")["published"]) == 1
    text = shell.run("key", "history", "gina@1").out
    assert f"{rotated['address']} goes on" in text
    assert "reason     lost" in text
    refused = shell.refusal("key", "revoke", "gina", "--reason", "compromised", code=2)
    assert "say --yes" in refused
    words = ("key", "revoke", "gina", "--reason", "compromised", "--compromised-since", "2026-01-02", "--yes")
    revoked = shell.json(*words)
    assert (revoked["already"], revoked["ended"]["successor"]) == (False, None)
    assert shell.json(*words)["already"] is True
    assert "perhaps in other hands since 2026-01-02T00:00:00Z" in shell.run("key", "history", "gina").out
    assert "KeyEnded" in shell.refusal("key", "rotate", "gina")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("revoke", "rosa", "--reason", "lost", "--compromised-since", "2026-01-02"), "--reason compromised"),
        (("revoke", "rosa", "--reason", "compromised", "--compromised-since", "monday"), "a day such as"),
        (("revoke", "rosa", "--reason", "compromised", "--compromised-since", "2999-01-01"), "still to come"),
        (("revoke", "0x" + "11" * 20, "--reason", "lost"), "--by"),
        (("revoke", "rosa"), "--reason"),
        (("recovery", "rosa", "0x12"), "ADDRESS"),
    ],
)
def test_what_makes_no_sense_is_said(shell: Shell, story: Story, words: tuple[str, ...], said: str) -> None:
    if not story.home.keystore().has("rosa"):
        story.home.keystore().new("rosa", PASSPHRASE, scrypt_n=2)
    assert said in shell.refusal("key", *words, code=2)


def test_nobody_revokes_for_others(shell: Shell, story: Story) -> None:
    for name in ("vera", "paul"):
        story.home.keystore().new(name, PASSPHRASE, scrypt_n=2)
    refused = shell.refusal("key", "revoke", "vera", "--reason", "lost", "--by", "paul", "--yes")
    assert refused.startswith("NotOwner")
    assert shell.json("key", "history", "vera")["ended"] is None

"""Work that is begun again after every question to a wallet comes to its end, and does what takes long only once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from api.home import Home
from api.service.patient_wallet import Asked, Parting, Sending
from api.service.wallet_home import WalletHome
from api.settings import Settings
from api.workflows import datasets, generation, licenses, minting, opening, training
from ledger.address import Address
from ledger.chain import Chain
from ledger.companions import Companions
from ledger.keys import Signer
from ledger.network import Receipt
from tests import story

pytestmark = pytest.mark.slow
T = TypeVar("T")


class Absent:
    """Somebody who is never there when asked: signs later, and each message once."""

    def __init__(self, key: Signer, companions: Companions | None) -> None:
        self._key, self.companions = key, companions
        self._signed: dict[bytes, bytes] = {}

    @property
    def address(self) -> Address:
        return self._key.address

    def sign_message(self, message: bytes) -> bytes:
        if message in self._signed:
            return self._signed[message]
        self._signed[message] = self._key.sign_message(message)
        raise Parting(Asked("sign", {}, 0.0))

    def sign_digest(self, digest: bytes) -> bytes:
        raise AssertionError("no wallet does that")

    def sign_transaction(self, tx: Mapping[str, Any]) -> bytes:
        return self._key.sign_transaction(tx)


class Desk:
    """Begins work again until it is done, in a home of its own each time, as processes do."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.partings: list[str] = []
        self._clock = story.now()

    def clock(self) -> datetime:
        self._clock += timedelta(hours=1)
        return self._clock

    def done(self, work: Callable[[Home, Callable[[], datetime]], T]) -> T:
        moment, self.partings = self.clock(), []
        for _ in range(10):
            try:
                return work(WalletHome(self._settings, moment=moment), lambda: moment)
            except Parting as parting:
                self.partings.append("sent" if isinstance(parting.over, Sending) else "signed")
        raise AssertionError(f"it asks for ever: {self.partings}")

    def sent_by_a_wallet(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let every transaction end the process that had it sent."""
        transact = Chain.transact

        def part(chain: Chain, signer: Signer, *call: Any, **more: Any) -> Receipt:
            receipt = transact(chain, signer, *call, **more)
            if isinstance(signer, Absent):
                raise Parting(Sending(receipt.tx, 0.0))
            return receipt

        monkeypatch.setattr(Chain, "transact", part)


def test_from_recordings_to_a_track_by_wallets_that_answer_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path / "home", passphrase=story.PASSPHRASE, instrument=None)
    home = story.new_home(settings)
    keys = {name: story.new_key(home, name) for name in ("anna", "carl")}
    with home.ledger() as ledger:
        for key in keys.values():
            home.fund(ledger, key)
    anna, carl = (Absent(key, key.companions) for key in keys.values())
    desk = Desk(settings)
    desk.sent_by_a_wallet(monkeypatch)
    folder = story.record_folder(tmp_path / "recordings", "C", "D")

    registered = desk.done(
        lambda home, now: datasets.add(
            home, folder, title="studies", license_="CC0-1.0", terms=story.TERMS, signer=anna, now=now
        )
    )
    # The record, that of the companion keys, and both transactions; nothing twice.
    assert desk.partings == ["signed", "signed", "sent", "sent"]
    number = registered.entry.id

    desk.done(lambda home, now: licenses.buy(home, "dataset", number, uses=("train",), signer=carl, now=now))
    assert desk.partings == ["signed", "signed", "sent", "sent"]

    from gen.training import loop

    learn, learnt = loop.train, []

    def counted(*args: Any, **more: Any) -> Any:
        learnt.append(True)
        return learn(*args, **more)

    monkeypatch.setattr(loop, "train", counted)
    trained = desk.done(
        lambda home, now: training.train(
            home, [number], preset=story.MICRO, seed=1, signer=carl, now=desk.clock, asking=now, seal=True
        )
    )
    # To open the dataset, before anything is learnt; the record, after that.
    assert desk.partings == ["signed", "signed", "sent"]
    assert learnt == [True]
    assert trained.sealed

    track = tmp_path / "track.wav"
    desk.done(
        lambda home, now: generation.generate(
            home, trained.entry.id, seconds=5, seed=5, creator=carl.address, out=track, now=now, unlock=lambda: carl
        )
    )
    assert desk.partings == ["signed"]
    minted = desk.done(lambda home, now: minting.mint(home, track, signer=carl, now=now))
    assert desk.partings == ["signed", "sent"]
    assert minted.entry.creator == carl.address
    assert minting.mint(home, track, signer=keys["carl"]).already

    alone = Absent(keys["carl"], None)  # where nothing is co-signed
    quiet = replace(settings, cosign=False)
    again = Desk(quiet)
    again.done(lambda home, now: opening.data_key(home, home.vault(), "dataset", number, signer=alone, now=now))
    assert again.partings == ["signed"]

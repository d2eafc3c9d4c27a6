"""What a request for a job says wrong is told at once, by the directory and where that is behind by the chain."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.errors import NoSuchThing
from api.service.follower import follow
from api.service.kinds.licensing import GRANT
from api.service.kinds.making import GENERATE, TRAIN
from api.service.kinds.offering import TERMS, WITHDRAW
from api.service.mistakes import refuse
from api.service.service import Service
from api.service.settings import ServiceSettings
from ledger.errors import NotOwner
from tests.service.traded import ANNA, BEN, CARL, Trade, home_of

pytestmark = pytest.mark.slow


def test_what_is_not_there_or_anothers_is_told_at_once(tmp_path: Path) -> None:
    service = Service.open(home_of(tmp_path / "home"), ServiceSettings(database=f"sqlite:///{tmp_path / 'a.sqlite'}"))
    with service.home.ledger() as ledger:
        Trade(ledger.contracts, []).begin()
    withdraw = WITHDRAW.request(kind="withdraw", id=1)  # type: ignore[call-arg]
    for _ in ("the directory is empty", "and full"):
        for right in (
            withdraw,
            TERMS.request(kind="terms", id=1, price="2"),  # type: ignore[call-arg]
            TRAIN.request(kind="train", datasets=(1,), royalty="95"),  # type: ignore[call-arg]
            GENERATE.request(kind="generate", model=1),  # type: ignore[call-arg]
        ):
            refuse(service, ANNA.address, right)
        with pytest.raises(NotOwner, match=f"{ANNA.address}"):
            refuse(service, BEN.address, withdraw)
        grant = {"kind": "grant", "subject": "model", "to": str(BEN.address), "uses": ("train",)}
        refuse(service, CARL.address, GRANT.request(id=1, **grant))
        with pytest.raises(NotOwner):
            refuse(service, ANNA.address, GRANT.request(id=1, **grant))
        with pytest.raises(NoSuchThing, match="no model 2"):
            refuse(service, CARL.address, GRANT.request(id=2, **grant))
        follow(service)
    own = service.home.path / "presets" / "mine.yaml"
    asked = TRAIN.request(kind="train", datasets=(1,), preset="mine")  # type: ignore[call-arg]
    with pytest.raises(NoSuchThing, match="choose one of base, small, tiny"):
        refuse(service, ANNA.address, asked)
    own.parent.mkdir()
    own.write_text("like: tiny\n")
    refuse(service, ANNA.address, asked)
    service.close()

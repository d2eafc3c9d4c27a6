"""What a model does not know is told when it is asked for, with what it knows, and not by a job that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.errors import WishUnknown
from api.home import Home
from api.http.problems import status_of
from api.service.kinds import KINDS
from api.service.service import Service
from api.service.settings import ServiceSettings
from api.service.wishes import refuse
from api.settings import Settings
from ledger.cid import Cid
from tests.service.traded import Trade, home_of

pytestmark = pytest.mark.slow


def test_what_the_instrument_does_not_know_is_told_at_once(tmp_path: Path) -> None:
    settings = Settings.from_environ({"STEMMATA_HOME": str(tmp_path)})
    service = Service.open(Home(settings), ServiceSettings(database=f"sqlite:///{tmp_path / 'a.sqlite'}"))
    with service.home.ledger():
        pass  # which begins with the instrument
    for right in ({}, {"style": {"bach": 2, "2": 1}}, {"model": 1, "morph_style": {"bach": 1}}):
        refuse(service, KINDS["generate"].request(kind="generate", **right))
    known = r"'abba' is in no title of the model's datasets: 1 'Johann Sebastian Bach.*'; 2 '"
    for wrong, named in (
        ({"style": {"bach": 1, "abba": 1}}, f"^style: {known}"),
        ({"model": 1, "morph_style": {"abba": 1}}, f"^morph_style: {known}"),
        ({"style": {"9": 1}}, "'9' is in no title"),
        ({"style": {"bach": 0}}, "^style: give at least one"),
        ({"labels": [{"dataset": 1, "field": "era", "number": 999}]}, "era=999: model 1 knows"),
    ):
        with pytest.raises(WishUnknown, match=named) as caught:
            refuse(service, KINDS["generate"].request(kind="generate", **wrong))
        assert status_of(caught.value) == 422
    with service.home.ledger() as ledger:  # once read, the records of datasets are not read for the next who asks
        for number, _ in ledger.contracts.model(1).datasets:
            ledger.store.path(Cid.parse(ledger.contracts.dataset(number).cid).digest).unlink()
    for wrong in ({"style": {"abba": 1}}, {"labels": [{"dataset": 1, "field": "era", "number": 999}]}):
        with pytest.raises(WishUnknown):
            refuse(service, KINDS["generate"].request(kind="generate", **wrong))
    service.close()


def test_where_no_record_tells_the_job_finds_out(tmp_path: Path) -> None:
    service = Service.open(home_of(tmp_path / "home"), ServiceSettings(database=f"sqlite:///{tmp_path / 'a.sqlite'}"))
    abba = {"kind": "generate", "style": {"abba": 1}}
    with service.home.ledger() as ledger:
        Trade(ledger.contracts, []).begin()  # with records that are nowhere
    refuse(service, KINDS["generate"].request(**abba))  # there is no instrument on this chain
    refuse(service, KINDS["generate"].request(**abba, model=1))
    service.close()

"""Every route of the OpenAPI description is asked what it describes, and what it does not expect: nothing breaks it,
and each answer is one that is described."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.http.app import create_app
from api.service.follower import follow
from api.service.service import Service
from api.service.settings import ServiceSettings
from api.service.tokens import SCOPES, Tokens
from tests.service.traded import CARL, Trade, home_of

pytestmark = pytest.mark.integration

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("strangers")
    limits = ServiceSettings(database=f"sqlite:///{folder / 'a.sqlite'}", rate=10**6, quota=10**6)
    opened = Service.open(home_of(folder / "home"), limits)
    with opened.home.ledger() as ledger:
        trade = Trade(ledger.contracts, [])
        trade.begin()
        trade.go_on("x")
    follow(opened)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def description(service: Service) -> Any:
    return schemathesis.openapi.from_asgi("/v1/openapi.json", create_app(service))


@pytest.fixture(scope="module")
def token(service: Service) -> str:
    _, secret = Tokens(service.database).make(CARL.address, "all", sorted(SCOPES), 3600, service.now())
    return secret


def ask_everything(description: Any, mode: GenerationMode, headers: dict[str, str], often: int) -> None:
    """Ask each route in many ways; all that is wrong is told at once."""
    few = settings(max_examples=often, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    wrong = []
    for found in description.get_all_operations():
        operation = found.ok()

        @few
        @given(case=operation.as_strategy(generation_mode=mode))
        def asked(case: Any) -> None:
            case.call_and_validate(checks=CHECKS, headers={**case.headers, **headers})

        try:
            asked()
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE  # what takes nothing cannot be asked wrongly
        except Exception as error:
            wrong.append(f"{operation.label}: {type(error).__name__}: {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
def test_an_account_breaks_nothing(description: Any, token: str, mode: GenerationMode) -> None:
    ask_everything(description, mode, {"Authorization": f"Bearer {token}"}, often=8)


def test_a_stranger_breaks_nothing(description: Any) -> None:
    ask_everything(description, GenerationMode.POSITIVE, {}, often=3)

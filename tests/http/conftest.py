"""A service that is attacked: on SQLite, and where that is to be had on PostgreSQL."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.http.app import create_app
from api.service.service import Service
from tests.http.signing_in import SITE, service_in
from tests.postgresql_server import postgresql


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with ExitStack() as open_:
        there = {"database": open_.enter_context(postgresql())} if request.param == "postgresql" else {}
        opened = service_in(tmp_path_factory.mktemp("attacked"), rate=10_000, **there)
        open_.callback(opened.close)
        yield opened


@pytest.fixture(scope="module")
def app(service: Service) -> FastAPI:
    return create_app(service)


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    app.state.rates._buckets.clear()
    return TestClient(app, base_url=SITE, client=("127.0.0.1", 50000))

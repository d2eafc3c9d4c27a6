"""A service for tests, and ways into it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from fastapi.testclient import TestClient

from api.home import Home
from api.http.app import create_app
from api.service.service import Service
from api.service.settings import ServiceSettings
from api.settings import Settings
from ledger.keys import Signer
from ledger.signing import personal_digest
from tests.story import PASSPHRASE

SITE = "http://127.0.0.1:8750"


class Clock:
    """A time that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def pass_by(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def service_in(folder: Path, **changes: object) -> Service:
    """A service with a home and a clock of its own."""
    settings = ServiceSettings(**{"database": f"sqlite:///{folder / 'service.sqlite'}", **changes})  # type: ignore[arg-type]
    home = Home(Settings(home=folder, passphrase=PASSPHRASE))
    opened = Service.open(home, settings)
    return Service(home, opened.database, settings, Clock())


def client_of(service: Service, host: str = "127.0.0.1") -> TestClient:
    """Somebody at the door."""
    return TestClient(create_app(service), base_url=service.settings.site, client=(host, 50000))


def signed(signer: Signer, message: str) -> str:
    return "0x" + signer.sign_digest(personal_digest(message.encode())).hex()


def challenge(client: TestClient, signer: Signer) -> str:
    answer = client.post("/v1/signin/challenge", json={"address": str(signer.address)})
    assert answer.status_code == 200, answer.text
    message: str = answer.json()["message"]
    return message


def sign_in(client: TestClient, signer: Signer) -> str:
    """Sign in as a wallet does; the token against forgery."""
    message = challenge(client, signer)
    answer = client.post("/v1/signin", json={"message": message, "signature": signed(signer, message)})
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["csrf"]
    client.headers["X-CSRF-Token"] = token
    return token

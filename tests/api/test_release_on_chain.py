"""What a release hangs on, asked of real contracts whose clock is moved: licenses and their end, owners, ended keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from api.home import Ledger
from api.workflows import opening
from ledger.chain import Chain
from ledger.companions import Companions
from ledger.contracts import Contracts, deploy
from ledger.digest import Digest
from ledger.errors import KeyEnded, LicenseMissing, NotFound
from ledger.keyrelease import KeyRequest, SealedKey, release
from ledger.keys import LocalSigner
from ledger.records import Terms
from ledger.store import BlockStore
from ledger.vault import DataKey

CID = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
TERMS = Terms(price=1, royalty_ppm=0, uses=("train",))
ANNA = LocalSigner(bytes(31) + b"\1")
COMPANIONS = Companions(bytes(96))


@dataclass
class Clock:
    """Unix time that goes on when a test says so."""

    time: int = 1_790_000_000

    def __call__(self) -> float:
        return self.time


@dataclass(frozen=True)
class Street:
    """A dataset of anna's, and dora, who would like to have it."""

    ledger: Ledger
    clock: Clock
    dataset: int
    dora: LocalSigner

    def grant(self, until: int | None, *uses: str) -> None:
        """Anna gives dora a license."""
        contracts, dora = self.ledger.contracts, self.dora.address
        contracts.grant_license(
            ANNA, "dataset", self.dataset, dora, uses or ("train",), until, Digest.of(b"license"), CID
        )

    def ask(self, who: LocalSigner | None = None, here: int | None = None) -> SealedKey:
        """Dora (or ``who``) asks for the key, at a service whose clock says ``here``, or what the chain's says."""
        asker = who or self.dora
        now = datetime.fromtimestamp(here or self.clock.time, UTC)
        wanted = opening.standing(self.ledger, "dataset", self.dataset, asker.address).asset
        return release(
            KeyRequest.new(wanted, asker.address, COMPANIONS.public.x25519, now).signed(asker),
            look=lambda asked, licensee: opening.standing(self.ledger, asked.kind, asked.id, licensee),
            key=lambda asked: DataKey(bytes(32)),
            now=now,
        )


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ledger, Clock]]:
    clock, folder = Clock(), tmp_path_factory.mktemp("chain")
    with Chain.open_embedded(folder, clock=clock) as chain:
        chain.fund(ANNA.address, 10**24)
        yield Ledger(chain, Contracts(chain, deploy(chain, ANNA)), BlockStore(folder / "content")), clock


@pytest.fixture
def street(ledger: tuple[Ledger, Clock]) -> Street:
    """The same chain for all, and for each test a dataset and a dora of its own."""
    opened, clock = ledger
    dora = LocalSigner.generate()
    opened.chain.fund(dora.address, 10**18)
    entry = opened.contracts.register_dataset(ANNA, Digest.of(dora.address.raw), Digest.of(b"record"), CID, TERMS)
    return Street(opened, clock, entry.id, dora)


def test_the_owner_and_a_licensee_are_given_the_key_and_nobody_else(street: Street) -> None:
    assert street.ask(ANNA).licensee == ANNA.address
    with pytest.raises(LicenseMissing, match=f"dataset {street.dataset}, use train"):
        street.ask()
    street.grant(None)
    assert street.ask().licensee == street.dora.address


def test_a_license_for_another_use_opens_nothing(street: Street) -> None:
    street.grant(None, "generate", "commercial")
    with pytest.raises(LicenseMissing):
        street.ask()


@pytest.mark.parametrize("slow", [False, True], ids=["both clocks", "a slow clock here"])
def test_the_chains_clock_ends_a_license(street: Street, slow: bool) -> None:
    here = street.clock.time if slow else None
    street.grant(street.clock.time + 100)
    street.clock.time += 100
    assert street.ask(here=here).licensee == street.dora.address
    street.clock.time += 1
    street.ledger.chain.fund(street.dora.address, 1)  # a block, which bears the chain's time
    assert not street.ledger.contracts.is_licensed("dataset", street.dataset, street.dora.address, "train")
    with pytest.raises(LicenseMissing, match="the last one ended 1 s ago"):
        street.ask(here=here)


def test_a_chain_at_rest_keeps_no_license_alive(street: Street) -> None:
    began = street.clock.time
    street.grant(began + 100)
    with pytest.raises(LicenseMissing, match="the last one ended 1 s ago"):
        street.ask(here=began + 101)


def test_consent_that_is_withdrawn_ends_no_license(street: Street) -> None:
    street.grant(None)
    street.ledger.contracts.withdraw_consent(ANNA, street.dataset)
    assert street.ask().licensee == street.dora.address


def test_a_revoked_key_is_given_nothing(street: Street) -> None:
    street.grant(None)
    contracts = street.ledger.contracts
    contracts.revoke_key(street.dora, street.dora.address, Digest.of(b"revoked"), CID)
    with pytest.raises(KeyEnded, match=str(street.dora.address)):
        street.ask()


def test_what_does_not_exist_has_no_key(street: Street) -> None:
    for kind in ("dataset", "model"):
        with pytest.raises(NotFound, match=f"no {kind} 99"):
            opening.standing(street.ledger, kind, 99, street.dora.address)  # type: ignore[arg-type]

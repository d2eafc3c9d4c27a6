"""A wallet that sends by itself: Ganache holds the key, as a browser's wallet does, and is asked to send."""

import threading
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import ganache_server
import pytest
import requests
from eth_utils.crypto import keccak

from ledger.address import Address
from ledger.chain import Chain
from ledger.errors import ChainUnreachable, InsufficientFunds, Refused, SignatureInvalid
from ledger.signer import LocalSigner
from ledger.signin import SignIn
from ledger.signing import personal_digest
from ledger.wallet import WalletSigner
from tests.contract_wallet import creation, factory, keeper, made_by, wrapped

pytestmark = pytest.mark.integration
OWNER = LocalSigner(ganache_server.RICH[0].to_bytes(32, "big"))
RECEIVER = Address(b"\x42" * 20)


@dataclass
class Unlocked:
    """Asks the node that holds the key (``eth_sendTransaction``), and may change what it was asked."""

    url: str
    instead: int | None = None
    invented: str | None = None

    def sign(self, message: bytes) -> bytes:
        return bytes.fromhex(self._ask("eth_sign", str(OWNER.address), "0x" + message.hex())[2:])

    def send(self, chain_id: int, to: Address | None, data: bytes, value: int, gas: int) -> str:
        if self.invented is not None:
            return self.invented
        fields = {
            "from": str(OWNER.address),
            "to": str(to),
            "data": "0x" + data.hex(),
            "value": hex(value),
            "gas": hex(gas),
        }
        if self.instead is not None:
            fields["value"] = hex(self.instead)
        return self._ask("eth_sendTransaction", fields)

    def _ask(self, method: str, *params: object) -> str:
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = requests.post(self.url, json=call, timeout=30).json()
        return str(answer["result"])


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ganache_server.running() as address:
        yield address


def wallet(person: Unlocked) -> WalletSigner:
    return WalletSigner(OWNER.address).by(person)


def test_what_a_wallet_sends_is_waited_for(url: str) -> None:
    with Chain.open_rpc(url) as chain:
        before = chain.balance(RECEIVER)
        receipt = chain.transact(wallet(Unlocked(url)), RECEIVER, b"\x07", value=5)
        assert receipt.succeeded
        assert chain.balance(RECEIVER) == before + 5
        assert chain.unsettled() == ()


def test_what_a_node_signs_as_a_wallet_does_is_a_good_signature(url: str) -> None:
    assert wallet(Unlocked(url)).sign_message(b"a record") == OWNER.sign_message(b"a record")


def test_another_transaction_than_was_asked_for_is_not_taken_for_it(url: str) -> None:
    with Chain.open_rpc(url) as chain, pytest.raises(Refused, match="another transaction"):
        chain.transact(wallet(Unlocked(url, instead=6)), RECEIVER, b"", value=5)


def test_a_hash_that_no_node_knows_is_no_transaction(url: str) -> None:
    with Chain.open_rpc(url, timeout=2) as chain, pytest.raises(ChainUnreachable, match="not heard of it"):
        chain.transact(wallet(Unlocked(url, invented="0x" + "ab" * 32)), RECEIVER, b"", value=5)


def test_what_is_heard_of_only_once_it_is_mined_is_waited_for(url: str) -> None:
    class Private(Unlocked):
        """Hands it to nobody but a builder of blocks, who takes a while."""

        def send(self, chain_id: int, to: Address | None, data: bytes, value: int, gas: int) -> str:
            nonce = int(self._ask("eth_getTransactionCount", str(OWNER.address), "latest"), 16)
            fees = {"maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9}
            fields = {"type": 2, "chainId": chain_id, "nonce": nonce, "to": str(to), "data": data, "gas": gas, **fees}
            raw = OWNER.sign_transaction({**fields, "value": value})
            threading.Timer(5, self._ask, ("eth_sendRawTransaction", f"0x{raw.hex()}")).start()
            return f"0x{keccak(raw).hex()}"

    with Chain.open_rpc(url) as chain:
        assert chain.transact(wallet(Private(url)), RECEIVER, b"\x07", value=5).succeeded


def test_nobody_is_asked_for_what_the_account_cannot_pay(url: str) -> None:
    with Chain.open_rpc(url) as chain, pytest.raises(InsufficientFunds):
        chain.transact(wallet(Unlocked(url, invented="never")), RECEIVER, b"", value=10**30)


def test_a_contract_that_has_yet_to_be_made_signs_in(url: str) -> None:
    code = keeper(OWNER.address)
    with Chain.open_rpc(url) as chain:
        maker = factory(chain, OWNER)
        written = SignIn(
            domain="music.example",
            address=made_by(maker, code),
            uri="https://music.example",
            chain_id=chain.chain_id,
            nonce="0123456789abcdef",
            issued_at="2026-11-26T10:00:00Z",
        )
        good = OWNER.sign_digest(personal_digest(str(written).encode()))
        written.verify(wrapped(maker, creation(code), good), lambda: nullcontext(chain))
        with pytest.raises(SignatureInvalid, match="does not know"):
            written.verify(wrapped(maker, creation(keeper(RECEIVER)), good), lambda: nullcontext(chain))
        assert not chain.has_code(written.address)

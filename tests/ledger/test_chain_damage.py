"""An embedded chain whose file was altered, cut off or emptied: named as what it is, never read as if it were whole."""

import contextlib
import sqlite3

import pytest

from ledger.abi import Interface
from ledger.address import Address
from ledger.chain import Chain
from ledger.contracts import Contracts, deploy
from ledger.digest import Digest
from ledger.errors import ChainUnreachable, DigestMismatch, StoreFault
from ledger.keys import LocalSigner
from ledger.records import Terms

ETHER = 10**18


def digest(text: str) -> Digest:
    return Digest.of(text.encode())


@pytest.fixture
def signer() -> LocalSigner:
    return LocalSigner.generate()


def test_a_node_changed_on_disk_is_noticed(tmp_path, signer):
    with Chain.open_embedded(tmp_path) as chain:
        chain.fund(signer.address, ETHER)
    with contextlib.closing(sqlite3.connect(tmp_path / "chain.sqlite")) as file:
        head = file.execute("select value from nodes where key = ?", (b"v1:canonical_head_hash",)).fetchone()
        header = bytearray(file.execute("select value from nodes where key = ?", head).fetchone()[0])
        header[-100] ^= 1
        file.execute("update nodes set value = ? where key = ?", (bytes(header), *head))
        file.commit()
    with pytest.raises(DigestMismatch, match="changed on disk"), Chain.open_embedded(tmp_path) as chain:
        chain.balance(signer.address)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.write_bytes(b"no database" * 999), id="overwritten"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]), id="cut off"),
        pytest.param(lambda path: _forget(path, b"v1:canonical_head_hash"), id="no head"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, signer, damage):
    with Chain.open_embedded(tmp_path) as chain:
        chain.fund(signer.address, ETHER)
    damage(tmp_path / "chain.sqlite")
    with pytest.raises(StoreFault, match=r"chain\.sqlite is damaged"), Chain.open_embedded(tmp_path) as chain:
        chain.balance(signer.address)


def _forget(path, key: bytes) -> None:
    with contextlib.closing(sqlite3.connect(path)) as file:
        assert file.execute("delete from nodes where key = ?", (key,)).rowcount == 1
        file.commit()


def test_a_name_that_is_not_utf8_hides_nothing_else(tmp_path, signer):
    with Chain.open_embedded(tmp_path) as chain:
        chain.fund(signer.address, ETHER)
        contracts = Contracts(chain, deploy(chain, signer))
        data = Interface.load("Datasets").call(
            "register", digest("root"), digest("record"), (0, 2**40 - 1, 0, 1, 0, Address(bytes(20))), "NAME"
        )
        chain.transact(signer, contracts.deployment.datasets, data.replace(b"NAME", b"a\xff\xfeb"))
        assert contracts.dataset(1).cid == r"a\xff\xfeb"


def test_a_token_whose_event_is_gone_cannot_be_checked(tmp_path, signer):
    with Chain.open_embedded(tmp_path) as chain:
        chain.fund(signer.address, ETHER)
        contracts = Contracts(chain, deploy(chain, signer))
        contracts.register_dataset(signer, digest("root"), digest("record"), "cid", Terms(0, 0, ("train",)))
        with contextlib.closing(sqlite3.connect(tmp_path / "chain.sqlite")) as file:
            file.execute("delete from logs")
            file.commit()
        with pytest.raises(ChainUnreachable, match="no Registered event of token 1"):
            contracts.dataset(1)

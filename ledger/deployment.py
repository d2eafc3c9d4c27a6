"""Where the contracts are: making them, and remembering it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ledger import file
from ledger.abi import Interface
from ledger.address import Address
from ledger.errors import Malformed, NoDeployment

if TYPE_CHECKING:
    from ledger.chain import Chain
    from ledger.keys import Signer


NOUNS = ("datasets", "licenses", "models", "royalties", "tracks", "market", "keys")
"""The contracts, in the order of their making, each in a block of its own or a later one than the one before."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """The addresses of the seven contracts on one chain, and the block from which on they are there."""

    chain_id: int
    datasets: Address
    licenses: Address
    models: Address
    royalties: Address
    tracks: Address
    market: Address
    keys: Address
    block: int

    @classmethod
    def made_by(cls, chain: Chain, account: Address) -> Deployment | None:
        """What :func:`deploy` made as the first thing that an account did, found again; None unless all of it is there.

        The block is a lower bound.
        """
        addresses = {noun: _created(account, nonce) for nonce, noun in enumerate(NOUNS)}
        found = cls(chain_id=chain.chain_id, block=1, **addresses)
        return found if all(chain.has_code(address) for address in addresses.values()) else None

    @classmethod
    def read(cls, path: Path) -> Deployment:
        """Read a deployment file.

        Raises:
            NoDeployment: there is no such file.
            Malformed: it is not a deployment file; the message says why.
        """
        try:
            text = path.read_text("utf-8")
        except FileNotFoundError:
            raise NoDeployment(f"no deployment file {path}; deploy the contracts first") from None
        try:
            fields = json.loads(text)
            chain_id, block = fields["chain_id"], fields["block"]
            if type(chain_id) is not int or type(block) is not int:
                raise Malformed("chain_id and block are whole numbers")
            if missing := [noun for noun in NOUNS if noun not in fields]:
                raise Malformed(
                    f"no address of {', '.join(missing)}: made by another version; deploy the contracts anew"
                )
            addresses = {noun: Address.parse(fields[noun]) for noun in NOUNS}
        except (ValueError, KeyError, TypeError, Malformed) as error:
            raise Malformed(f"{path} is not a deployment file: {error!r}") from None
        return cls(chain_id=chain_id, block=block, **addresses)

    def write(self, path: Path) -> None:
        """Write a deployment file, whole or not at all."""
        fields = {
            "block": self.block,
            "chain_id": self.chain_id,
            **{noun: str(getattr(self, noun)) for noun in NOUNS},
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(fields, indent=2) + "\n"
        file.write(path, lambda target: target.write(text.encode()), mode=0o644)


def _created(account: Address, nonce: int) -> Address:
    """The address of the contract that an account's transaction makes (Yellow Paper, section 7)."""
    from eth_utils.crypto import keccak
    from rlp import encode

    return Address(keccak(encode([account.raw, nonce]))[12:])


def deploy(chain: Chain, signer: Signer, guardian: Address | None = None, site: str = "") -> Deployment:
    """Create the seven contracts, in seven transactions that ``signer`` pays for and sends nothing between.

    Args:
        chain: where.
        signer: gets no power over them.
        guardian: a contract, such as a multisig wallet, that may pause new mints; None for nobody.
        site: URL that pages of tracks and a C2PA resolution API begin with, ending in a slash; or empty.

    Raises:
        InsufficientFunds: the signer's account cannot pay for them.
        Refused: the guardian is no contract, or another transaction of the signer's came between.
        ChainUnreachable: no answer from the chain.
    """
    block = chain.block_number + 1
    datasets = chain.create(signer, Interface.load("Datasets"))
    # Licenses and models know each other: the models' address is foretold, and the models' constructor checks it.
    models = _created(signer.address, chain.nonce(signer.address) + 1)
    licenses = chain.create(signer, Interface.load("Licenses"), datasets, models)
    models = chain.create(signer, Interface.load("Models"), datasets, licenses)
    royalties = chain.create(signer, Interface.load("Royalties"), datasets, models)
    guard = guardian or Address(bytes(20))
    tracks = chain.create(signer, Interface.load("Tracks"), models, licenses, royalties, guard, site)
    market = chain.create(signer, Interface.load("Market"), tracks)
    keys = chain.create(signer, Interface.load("Keys"))
    return Deployment(chain.chain_id, datasets, licenses, models, royalties, tracks, market, keys, block)

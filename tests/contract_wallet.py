"""Accounts that are contracts, for tests: written in opcodes, so that no compiler is needed."""

from __future__ import annotations

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from ledger.address import Address
from ledger.chain import Chain
from ledger.keys import LocalSigner


def wallet(chain: Chain, owner: LocalSigner, runtime: bytes) -> Address:
    """A contract of the owner's, with this code."""
    if not chain.balance(owner.address):
        chain.fund(owner.address, 10**18)
    receipt = chain.transact(owner, None, creation(runtime))
    assert receipt.contract is not None
    return receipt.contract


def keeper(owner: Address) -> bytes:
    """The smallest wallet with ERC-1271: it holds its owner's signature for its own, by the precompile ecrecover."""
    return bytes.fromhex(
        "600435600052"  # mem[0] = hash
        "60a43560f81c602052"  # mem[32] = v
        "606435604052608435606052"  # mem[64] = r, mem[96] = s
        "60206080608060006001" + "5afa50"  # ecrecover(mem[0:128]) -> mem[128:160]
        f"60805173{owner.raw.hex()}14"  # is it the owner
        "631626ba7e60e01b0260005260206000f3"  # times the magic value
    )


def factory(chain: Chain, owner: LocalSigner) -> Address:
    """A contract that makes one of whatever code it is called with (CREATE2, EIP-1014, under salt 0)."""
    return wallet(chain, owner, bytes.fromhex("3660006000376000366000" + "6000f500"))


def creation(runtime: bytes) -> bytes:
    """The code that makes a contract with this code."""
    return bytes.fromhex(f"61{len(runtime):04x}80600a3d393df3") + runtime  # PUSH2 n, DUP1, PUSH1 10, CODECOPY, RETURN


def made_by(factory: Address, runtime: bytes) -> Address:
    """Where the factory's contract with this code will be."""
    return Address(keccak(b"\xff" + factory.raw + bytes(32) + keccak(creation(runtime)))[12:])


def wrapped(factory: Address, data: bytes, signature: bytes) -> bytes:
    """A signature of a contract that has yet to be made (ERC-6492)."""
    return encode(("address", "bytes", "bytes"), (str(factory), data, signature)) + bytes.fromhex("6492" * 16)

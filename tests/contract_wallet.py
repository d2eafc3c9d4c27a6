"""Accounts that are contracts, for tests: written in opcodes, so that no compiler is needed."""

from __future__ import annotations

from ledger.address import Address
from ledger.chain import Chain
from ledger.keys import LocalSigner


def wallet(chain: Chain, owner: LocalSigner, runtime: bytes) -> Address:
    """A contract of the owner's, with this code."""
    chain.fund(owner.address, 10**18)
    copy = bytes.fromhex(f"61{len(runtime):04x}80600a3d393df3")  # PUSH2 n, DUP1, PUSH1 10, CODECOPY, RETURN
    receipt = chain.transact(owner, None, copy + runtime)
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

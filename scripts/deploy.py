#!/usr/bin/env python
"""Deploy the contracts to a network behind JSON-RPC, and write down where they are.

The key that pays comes from a keystore folder; its passphrase from STEMMATA_PASSPHRASE, or the file descriptor
STEMMATA_PASSPHRASE_FD, never from the command line.

    STEMMATA_PASSPHRASE=... python scripts/deploy.py --rpc http://127.0.0.1:8545 --keys ~/.stemmata/keys --key me
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import requests

from api.errors import UsageError
from api.settings import Settings
from ledger.address import Address
from ledger.chain import Chain
from ledger.contracts import deploy
from ledger.deployment import NOUNS
from ledger.errors import LedgerError, Malformed
from ledger.keys import Keystore


def main() -> None:
    options = _options()
    try:
        passphrase = Settings.from_environ(os.environ).passphrase
    except UsageError as error:
        sys.exit(str(error))
    if not passphrase:
        sys.exit("set STEMMATA_PASSPHRASE to the passphrase of the key")
    if options.out.exists():
        sys.exit(f"{options.out} exists: the contracts are deployed already; name another file to deploy them again")
    try:
        signer = Keystore(options.keys).unlock(options.key, passphrase)
        if options.play_money:
            _give(options.rpc, signer.address)
        with Chain.open_rpc(options.rpc, timeout=options.timeout) as chain:
            deployment = deploy(chain, signer, guardian=options.guardian, site=options.site)
        deployment.write(options.out)
    except LedgerError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    print(f"deployed to chain {deployment.chain_id}, by {signer.address}; wrote {options.out}")
    for noun in NOUNS:
        print(f"  {noun:9} {getattr(deployment, noun)}")


def _options() -> argparse.Namespace:
    rpc = os.environ.get("STEMMATA_RPC")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rpc", default=rpc, required=rpc is None, help="URL of the node (or STEMMATA_RPC)")
    parser.add_argument("--keys", type=Path, required=True, help="the keystore folder")
    parser.add_argument("--key", required=True, help="name of the key in it")
    parser.add_argument("--out", type=Path, default=Path("deployment.json"), help="the file to write (%(default)s)")
    parser.add_argument(
        "--guardian", type=_address, help="a multisig contract that may pause new mints (default: nobody)"
    )
    parser.add_argument(
        "--site", default="", help="URL, ending in a slash, that pages of tracks and a C2PA API begin with"
    )
    parser.add_argument("--timeout", type=float, default=120, help="seconds to wait for each transaction (%(default)s)")
    parser.add_argument(
        "--play-money", action="store_true", help="let a development chain (Ganache, Anvil, Hardhat) give the key ether"
    )
    return parser.parse_args()


def _give(rpc: str, account: Address) -> None:
    """Set the account's balance to 1000 ether, by the method that the chain knows; no public network has one."""
    for method in ("evm_setAccountBalance", "anvil_setBalance", "hardhat_setBalance"):
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": [str(account), hex(1000 * 10**18)]}
        try:
            answer = requests.post(rpc, json=call, timeout=30).json()
        except (requests.RequestException, ValueError):
            sys.exit("--play-money: no answer from the chain that --rpc names")
        if "error" not in answer:
            return
    sys.exit("--play-money: this chain gives nobody money; fund the key, and leave the option out")


def _address(text: str) -> Address:
    try:
        return Address.parse(text)
    except Malformed as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    main()

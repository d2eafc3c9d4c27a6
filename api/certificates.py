"""Certificates in a home: under which chain an account signs manifests, and whom its owner trusts to sign them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from api.errors import UsageError
from api.home import Home
from ledger import file
from ledger.certificate import Chain, roots
from ledger.errors import CertificateUnfit, Malformed

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.companions import Companions, PublicKeys


def known(home: Home, account: Address) -> Chain | None:
    """The account's chain, if it has one yet."""
    path = _path(home, account)
    return Chain(path.read_bytes()) if path.exists() else None


def made(home: Home, account: Address, companions: Companions, now: datetime) -> Chain:
    """The account's chain; it gets a local one where it has none."""
    return known(home, account) or renew(home, account, companions, now)


def bring(home: Home, account: Address, public: PublicKeys, source: Path, now: datetime) -> Chain:
    """Take the chain that an authority gave, out of a PEM file. Raises what :meth:`Chain.read` does, file first."""
    try:
        chain = Chain.read(source.read_bytes(), public, now)
    except (CertificateUnfit, Malformed) as error:
        raise type(error)(f"{source}: {error}") from None
    _keep(home, account, chain)
    return chain


def renew(home: Home, account: Address, companions: Companions, now: datetime) -> Chain:
    """A new local chain in place of what there is."""
    chain = Chain.local(companions, account, now)
    _keep(home, account, chain)
    return chain


def trusted(home: Home) -> tuple[bytes, ...]:
    """The roots that the settings name, each in PEM. Raises :class:`UsageError` for a file that holds none."""
    path = home.settings.trust
    if path is None:
        return ()
    try:
        return roots(path.read_bytes())
    except (Malformed, OSError) as error:
        raise UsageError(f"STEMMATA_TRUST={path} cannot be read as certificates: {error}") from None


def _keep(home: Home, account: Address, chain: Chain) -> None:
    file.write(_path(home, account), lambda out: out.write(chain.pem), mode=0o644)


def _path(home: Home, account: Address) -> Path:
    return home.folder("certificates") / f"{account}.pem"

"""Look at an installation before it is used: what is there, what is missing, and what to type.

Nothing is changed, but for a lock file and, in a database that is named, tables and columns that are not there yet.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from api.home import Home
from api.service.settings import ServiceSettings

ROOM = 2 << 30
"""Bytes that a home should have left: a training and the track of an hour."""

EXTRAS = {
    "studio": (("torch", "librosa", "safetensors", "yaml"), "training and generation"),
    "serve": (("fastapi", "httptools", "uvicorn", "sqlalchemy", "prometheus_client"), "the service, its API and pages"),
    "report": (("fpdf",), "reports as PDF"),
}
"""Extras of the package: what to look for, and what it is needed for."""


class State(StrEnum):
    """Whether a thing is as it should be."""

    OK = "ok"
    NOTE = "note"
    """It works without; worth knowing."""
    FAULT = "fault"
    """Something that was asked for will not work."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, and what to do about it; ``remedy`` is empty where it is as it should be."""

    what: str
    state: State
    found: str
    remedy: str = ""


def examine(home: Home, service: ServiceSettings) -> tuple[Check, ...]:
    """Every check, in the order in which one rests on another. None of them raises for what it finds."""
    looks: tuple[tuple[str, Callable[[], Iterator[Check]]], ...] = (
        ("python", _python),
        ("extras", _extras),
        ("home", lambda: _home(home)),
        ("locks", lambda: _locks(home)),
        ("keys", lambda: _keys(home)),
        ("passphrase", lambda: _passphrase(home)),
        ("chain", lambda: _chain(home)),
        ("IPFS node", lambda: _ipfs(home)),
        ("pinning service", lambda: _pinning(home)),
        ("time stamps", lambda: _stamps(home)),
        ("certificates", lambda: _trust(home)),
        ("database", lambda: _database(service)),
        ("site", lambda: _site(home, service)),
    )
    return tuple(check for name, look in looks for check in _told(name, look))


def _told(name: str, look: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """What a look finds; a named error on the way is a finding too."""
    from api.errors import ApiError
    from ledger.errors import LedgerError

    try:
        yield from look()
    except (ApiError, LedgerError, OSError) as error:
        yield Check(name, State.FAULT, f"{type(error).__name__}: {error}", "mend what it says, then ask again")


def _python() -> Iterator[Check]:
    yield Check("python", State.OK, f"{sys.version.split()[0]} at {sys.prefix}")


def _extras() -> Iterator[Check]:
    for extra, (modules, purpose) in EXTRAS.items():
        absent = [name for name in modules if importlib.util.find_spec(name) is None]
        if absent:
            said = f"not installed ({', '.join(absent)}): {purpose}"
            yield Check(extra, State.NOTE, said, f"in the project's folder: pip install '.[{extra}]'")
        else:
            yield Check(extra, State.OK, f"installed: {purpose}")


def _home(home: Home) -> Iterator[Check]:
    path = home.path
    if not path.exists():
        yield Check("home", State.NOTE, f"{path} is not there yet; the first command makes it", "stemmata key new NAME")
        return
    if not os.access(path, os.W_OK | os.X_OK):
        yield Check("home", State.FAULT, f"{path} cannot be written", f"chown -R {os.getuid()} {path}")
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield Check("home", State.NOTE, f"{path} is open to other users (mode {mode:o})", f"chmod 700 {path}")
    else:
        yield Check("home", State.OK, str(path))
    left = shutil.disk_usage(path).free
    if left < ROOM:
        said = f"{left >> 20} MiB left where {path} is"
        yield Check("space", State.FAULT, said, f"make room: {ROOM >> 30} GiB or more")
    else:
        yield Check("space", State.OK, f"{left / (1 << 30):.1f} GiB left")


def _locks(home: Home) -> Iterator[Check]:
    """Some network file systems take a lock and hold nobody off."""
    if not home.path.exists():
        return
    path = home.folder("locks") / "doctor.lock"
    with path.open("w") as one, path.open("w") as other:
        fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield Check("locks", State.OK, "a lock holds others off")
            return
    said = f"{home.path} lies on a file system whose locks hold nobody off: two processes would spoil each other's work"
    yield Check("locks", State.FAULT, said, "use a local disk, or NFS 4 mounted without nolock")


def _keys(home: Home) -> Iterator[Check]:
    folder = home.path / "keys"
    if not folder.is_dir() or not any(folder.iterdir()):
        yield Check("keys", State.NOTE, "none yet", "stemmata key new NAME")
        return
    loose = sorted(path.name for path in folder.iterdir() if stat.S_IMODE(path.stat().st_mode) & 0o077)
    if loose:
        said = f"others can read {', '.join(loose)}"
        yield Check("keys", State.FAULT, said, f"chmod 600 {folder}/*")
        return
    yield Check("keys", State.OK, f"{len(tuple(folder.glob('*.json')))} files, closed to others")


def _passphrase(home: Home) -> Iterator[Check]:
    from ledger.errors import LedgerError

    if home.settings.passphrase is None:
        said = "not set: commands ask for it, and the service has nobody to ask"
        yield Check("passphrase", State.NOTE, said, "export STEMMATA_PASSPHRASE=…, or STEMMATA_PASSPHRASE_FD")
        return
    if not (home.path / "vault" / "vault.json").exists():
        yield Check("passphrase", State.OK, "set; there is no vault yet that it would have to open")
        return
    try:
        home.vault()
    except LedgerError as error:
        yield Check("passphrase", State.FAULT, str(error), "set the one that this home was made with")
        return
    yield Check("passphrase", State.OK, "it opens the vault")


def _chain(home: Home) -> Iterator[Check]:
    from ledger.deployment import NOUNS

    settings = home.settings
    if settings.rpc_url is None and not home.exists:
        yield Check("chain", State.NOTE, "the embedded one, which the first command begins")
        return
    with home.ledger() as ledger:
        chain = ledger.chain
        block = chain.block_number
        place = ledger.contracts.deployment
        absent = [noun for noun in NOUNS if not chain.has_code(getattr(place, noun))]
        ahead = chain.timestamp(block) - time.time()
    if absent:
        said = f"no contract at the addresses of {', '.join(absent)} on chain {chain.chain_id}"
        yield Check("chain", State.FAULT, said, "STEMMATA_DEPLOYMENT is another chain's: name the right one, or deploy")
        return
    kind = "embedded" if settings.rpc_url is None else "network"
    if ahead > 60:
        said = f"its last block is {ahead:.0f} s in the future"
        yield Check("chain", State.FAULT, said, "set this machine's clock")
        return
    yield Check("chain", State.OK, f"{kind}, chain id {chain.chain_id}, block {block}, contracts found")
    if settings.rpc_url is not None and settings.confirmations == 0:
        said = "STEMMATA_CONFIRMATIONS is 0: a block that is undone later counts as final"
        yield Check("confirmations", State.NOTE, said, "where money is real: export STEMMATA_CONFIRMATIONS=12")


def _ipfs(home: Home) -> Iterator[Check]:
    from ledger.ipfs import IpfsNode

    address = home.settings.ipfs_api
    if address is None:
        said = "none named: content stays in this home's own store"
        yield Check("IPFS node", State.NOTE, said, "export IPFS_API=/ip4/127.0.0.1/tcp/5001")
        return
    node = IpfsNode(address, auth=home.settings.ipfs_auth, patience=10)
    try:
        yield Check("IPFS node", State.OK, f"answers, peer {node.peer().id}")
    finally:
        node.close()


def _pinning(home: Home) -> Iterator[Check]:
    from ledger.pinning import PinningService

    settings = home.settings
    if settings.pinning is None:
        return
    service = PinningService(settings.pinning, settings.pinning_token or "", patience=10)
    try:
        service.list([])
        yield Check("pinning service", State.OK, "answers, and knows the token")
    finally:
        service.close()


def _stamps(home: Home) -> Iterator[Check]:
    from api.certificates import trusted
    from ledger import timestamp

    if home.settings.tsa is None:
        said = "no authority named: manifests carry no time stamp, and end with their certificate"
        yield Check("time stamps", State.NOTE, said, "export STEMMATA_TSA=URL of an RFC 3161 authority")
        return
    timestamp.ask(home.settings.tsa, b"stemmata doctor", trust=trusted(home))
    yield Check("time stamps", State.OK, "the authority answers")


def _trust(home: Home) -> Iterator[Check]:
    from api.certificates import trusted

    if home.settings.trust is None:
        said = "no roots named: whoever signed a manifest is told of, and trusted by nobody"
        yield Check("certificates", State.NOTE, said, "export STEMMATA_TRUST=roots.pem")
        return
    yield Check("certificates", State.OK, f"{len(trusted(home))} roots are trusted")


def _database(service: ServiceSettings) -> Iterator[Check]:
    if importlib.util.find_spec("sqlalchemy") is None:
        return
    url = service.database
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        yield Check("database", State.OK, "SQLite in the home, which `stemmata serve` begins")
        return
    from api.service.database import Database

    database = Database.open(url)
    yield Check("database", State.OK, "PostgreSQL answers" if database.shared else "SQLite in the home")
    database.close()


def _site(home: Home, service: ServiceSettings) -> Iterator[Check]:
    if service.secure:
        yield Check("site", State.OK, service.site)
        return
    said = f"{service.site} is not reached over TLS: cookies and tokens travel in clear"
    yield Check(
        "site", State.NOTE, said, "beyond this machine: export STEMMATA_SITE=https://…, behind a server with TLS"
    )

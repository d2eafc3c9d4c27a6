"""What lies in STEMMATA_HOME, and how it is opened.

keys/             keystore files and files of companion keys, one of each per name (0600)
certificates/     the chain of certificates under which each account signs manifests
vault/            data keys, wrapped: of datasets, sealed weights and file names, and those got as a licensee (0600)
private/          file names and salts of datasets, encrypted, one file per Merkle root
intake/           what was done of each folder's registration, so that it can go on after a kill
chain/            the embedded chain's state
outbox/           signed transactions on their way to a JSON-RPC network, until they are final there (0600)
deployment.json   the contracts' addresses
instrument.json   which instrument the embedded chain began with, if it did
content/          the block store
index/            tracks by file, mark, owner and sound, from the chain's events; may be deleted at any time
pins/             what was stored or imported by hand, a list of CIDs for each
transfers/        what an IPFS node has acknowledged of pushes that are not done
models/           weights in clear by digest, so that generation need not read them from the store
cache/            recordings as training hears them, sealed under their dataset's key; may be emptied at any time
covers/           what pages show of tracks, by the digest of their file; may be deleted at any time
datasheets/       a datasheet for each dataset that was registered here, as it was then
measured/         what was measured on recordings, by digest: figures and fingerprints; may be emptied at any time
runs/             training runs by identity: what a killed one goes on from, what came out, the model id once recorded
drafts/           records of what ``generate`` wrote and ``mint`` has yet to sign, by file digest
metrics/          what the processes of a service that runs have counted; goes with the next one
service.sqlite    accounts, sessions, jobs and the directory, unless the service has a database elsewhere
uploads/          what was sent in to the service, until a job has done with it
jobs/             what each job of the service has made, for a month
presets/          presets of the keeper's own, which may be trained by name through the service
demo-passphrase   what opens the keys that `serve --demo` made, where nobody said another (0600)
locks/            one for each thing that only one process may change at a time
tmp/              ciphertext of weights on its way into the store
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from api.errors import HomeBusy, PassphraseMissing, UsageError
from api.settings import Settings

if TYPE_CHECKING:
    from api.instrument.files import Instrument
    from ledger.address import Address
    from ledger.chain import Chain
    from ledger.companions import Companions
    from ledger.contracts import Contracts
    from ledger.deployment import Deployment
    from ledger.keys import Keystore, Signer
    from ledger.store import BlockStore
    from ledger.vault import Vault

# Play money: the embedded chain pays each key this much, once, when the key first acts.
EMBEDDED_ALLOWANCE_WEI = 1_000 * 10**18
# Whoever only reads has somebody waiting.
READING_SECONDS = 8.0


@dataclass(frozen=True)
class Ledger:
    """An open chain with its contracts, and the store that their CIDs point into."""

    chain: Chain
    contracts: Contracts
    store: BlockStore


@dataclass(frozen=True)
class Home:
    """The folder, and the doors to its parts. ``ask`` is called with a prompt when a passphrase is needed and unset."""

    settings: Settings
    ask: Callable[[str], str] | None = None

    @property
    def path(self) -> Path:
        """The folder itself."""
        return self.settings.home

    def folder(self, name: str) -> Path:
        """A sub-folder, made if need be, closed to other users."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.path / name
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    @property
    def exists(self) -> bool:
        """Whether anything was ever recorded here, or the settings name a network."""
        traces = (self.path / "deployment.json", self.path / "chain" / "chain.sqlite")
        return self.settings.rpc_url is not None or any(trace.exists() for trace in traces)

    def keystore(self) -> Keystore:
        """The keys of this home. What was unlocked stays so while this object lives, as the vault does."""
        return self._keystore

    @cached_property
    def _keystore(self) -> Keystore:
        from ledger.keys import Keystore

        return Keystore(self.folder("keys"))

    def passphrase(self, purpose: str) -> str:
        """From the settings, else asked; :class:`PassphraseMissing` where nobody can be asked."""
        if self.settings.passphrase is not None:
            return self.settings.passphrase
        if self.ask is None:
            raise PassphraseMissing(f"a passphrase is needed for {purpose}: set STEMMATA_PASSPHRASE, or _FD")
        return self.ask(f"Passphrase for {purpose}")

    def new_passphrase(self, purpose: str) -> str:
        """The same for what is about to be made; asked twice, since a slip would lock it for good."""
        passphrase = self.passphrase(purpose)
        if self.settings.passphrase is None and self.ask is not None and self.ask("The same again") != passphrase:
            raise UsageError("the two passphrases differ; nothing was made")
        return passphrase

    def signer(self, name: str) -> Signer:
        """The key of that name, unlocked; without its companions where the settings say not to co-sign."""
        return self._unlock(name, companions=self.settings.cosign)

    def companions(self, name: str) -> Companions:
        """The companion keys of that name, whether or not signatures are co-signed: what is sealed must open."""
        companions = self._unlock(name, companions=True).companions
        assert companions is not None  # noqa: S101  (unlocking with them makes them)
        return companions

    def _unlock(self, name: str, *, companions: bool) -> Signer:
        keystore = self.keystore()
        address = keystore.address(name)  # an unknown name is said before anybody types a passphrase
        passphrase = self._said.get(address) or self.passphrase(f"key {name!r}")
        signer = keystore.unlock(name, passphrase, companions=companions)
        self._said[address] = passphrase
        return signer

    @cached_property
    def _said(self) -> dict[Address, str]:
        """What opened a key, so that nobody is asked twice."""
        return {}

    def vault(self) -> Vault:
        """The data keys of this home, unlocked."""
        return self._vault

    @cached_property
    def _vault(self) -> Vault:
        from ledger.vault import Vault

        folder = self.folder("vault")
        made = (folder / "vault.json").exists()
        return Vault.open(folder, self.passphrase("the vault") if made else self.new_passphrase("a new vault"))

    def store(self) -> BlockStore:
        """The embedded block store."""
        from ledger.store import BlockStore

        return BlockStore(self.folder("content"))

    @contextlib.contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """Chain, contracts and store. The embedded chain gets its contracts at the first opening."""
        from ledger.chain import Chain
        from ledger.contracts import Contracts
        from ledger.deployment import Deployment
        from ledger.errors import NoDeployment

        settings = self.settings
        where = settings.deployment or self.path / "deployment.json"
        if settings.rpc_url is not None:
            outbox = self.folder("outbox")
            with Chain.open_rpc(settings.rpc_url, confirmations=settings.confirmations, outbox=outbox) as chain:
                if not where.exists():
                    raise NoDeployment(f"no contracts known at {where}: deploy them, or set STEMMATA_DEPLOYMENT")
                yield Ledger(chain, Contracts(chain, Deployment.read(where)), self.store())
            return
        begin = None if where.exists() else self._beginning()  # a home that has lost its chain is no new one
        with Chain.open_embedded(self.folder("chain"), begin=begin) as chain:
            if where.exists():
                deployment = Deployment.read(where)
            else:
                deployment = _embedded_deployment(chain)
                deployment.write(where)
            yield Ledger(chain, Contracts(chain, deployment), self.store())

    @contextlib.contextmanager
    def reading(self) -> Iterator[Ledger]:
        """The same to read only, all of one moment, without waiting for a command that has the embedded chain open.

        A home without a chain is given one, as by :meth:`ledger`. On a network nothing is kept of what was sent.
        """
        from ledger.chain import Chain
        from ledger.contracts import Contracts
        from ledger.deployment import Deployment
        from ledger.errors import NoDeployment

        settings = self.settings
        where = settings.deployment or self.path / "deployment.json"
        if not where.exists():
            if settings.rpc_url is not None:
                raise NoDeployment(f"no contracts known at {where}: deploy them, or set STEMMATA_DEPLOYMENT")
            with self.ledger():
                pass
        with (
            Chain.read_embedded(self.folder("chain"))
            if settings.rpc_url is None
            else Chain.open_rpc(settings.rpc_url, confirmations=settings.confirmations, timeout=READING_SECONDS)
        ) as chain:
            yield Ledger(chain, Contracts(chain, Deployment.read(where)), self.store())

    def _beginning(self) -> Callable[[Path], None] | None:
        """What lays down the chain that a new home's goes on from: the instrument's, if that is wanted and there."""
        from api.instrument.files import Instrument

        wanted = self.settings.instrument
        instrument = None if wanted is None else Instrument.read(wanted)
        return None if instrument is None else lambda path: instrument.lay_down(self.store(), self.path, path)

    def instrument(self) -> Instrument | None:
        """The one that this home began with, else that of the settings, if there is any."""
        from api.instrument.files import Instrument

        folders = (self.path, self.settings.instrument)
        return next(filter(None, (Instrument.read(folder) for folder in folders if folder is not None)), None)

    def fund(self, ledger: Ledger, signer: Signer) -> None:
        """On the embedded chain, give a key that has nothing its allowance; on a network, do nothing."""
        if self.settings.rpc_url is None and ledger.chain.balance(signer.address) == 0:
            ledger.chain.fund(signer.address, EMBEDDED_ALLOWANCE_WEI)

    @contextlib.contextmanager
    def acting(self, account: Address) -> Iterator[Ledger]:
        """The same for an account that is about to sign records, asked before it has worked for them.

        What a command that was killed had sent is waited for first, so that none does the same again beside it. Raises
        :class:`~ledger.errors.KeyEnded` where its key was rotated or revoked.
        """
        from ledger.errors import KeyEnded

        with self.ledger() as ledger:
            ledger.chain.catch_up(account)
            end = ledger.contracts.key_end(account)
            if end is not None:
                follows = "make a new key"
                if end.successor is not None:
                    follows = f"the key {self._called(end.successor)} goes on: act with that one"
                word = "revoked" if end.successor is None else "rotated"
                raise KeyEnded(f"the key {self._called(account)} was {word} in block {end.block}; {follows}")
            yield ledger

    def _called(self, account: Address) -> str:
        """An address, with the name of its key where it is here."""
        name = self.keystore().name_of(account)
        return f"of {account}" if name is None else f"{name!r} ({account})"

    def introduce(self, ledger: Ledger, signer: Signer) -> None:
        """:meth:`fund`, and let the account publish its companion keys, once, before its first record is registered.

        On a network that is one transaction more; later calls only look.
        """
        from ledger.archive import publish
        from ledger.errors import Invalid, Malformed, Unverifiable
        from ledger.keyhistory import KeyHistory
        from ledger.records import KeyRecord, timestamp

        self.fund(ledger, signer)
        if signer.companions is None:
            return
        contracts, public = ledger.contracts, signer.companions.public
        with self.changing("keys"):
            newest = contracts.published_keys(signer.address)[-1:]
            with contextlib.suppress(Invalid, Malformed, Unverifiable):  # a record that is lost is published anew
                if newest and KeyHistory(contracts, ledger.store).companions(newest[0]) == public:
                    return
            record = KeyRecord(signer.address, "published", public, None, None, None, timestamp(self.time(ledger)))
            cid = publish(ledger.store, record, signer)
            contracts.publish_keys(signer, record.digest, str(cid))

    def time(self, ledger: Ledger) -> datetime:
        """What time a record of keys bears: that of the chain's last block."""
        return datetime.fromtimestamp(ledger.chain.timestamp(ledger.chain.block_number), UTC)

    @contextlib.contextmanager
    def changing(self, what: str, timeout: float = 600.0) -> Iterator[None]:
        """Hold a lock while ``what`` is changed, so that two processes never interleave. Released on any death."""
        with (self.folder("locks") / f"{what}.lock").open("w") as file:
            deadline = time.monotonic() + timeout
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise HomeBusy(f"another process has been changing {what} in {self.path}; try again") from None
                    time.sleep(0.2)
            yield


def _embedded_deployment(chain: Chain) -> Deployment:
    """The contracts of the embedded chain, made if they are not there.

    Their makers are accounts known beforehand, so that neither a kill before ``deployment.json`` is written nor the
    loss of that file parts a home from its records. The contracts have no owner: a maker's key has no power over them.
    """
    from ledger.contracts import deploy
    from ledger.deployment import Deployment
    from ledger.keys import LocalSigner

    for attempt in itertools.count():
        maker = LocalSigner(hashlib.sha256(b"stemmata: maker of the embedded contracts, %d" % attempt).digest())
        found = Deployment.made_by(chain, maker.address)
        if found is not None:
            return found
        if chain.nonce(maker.address) == 0:
            break
        # A kill left this maker's contracts unfinished and empty; the next one starts afresh.
    chain.fund(maker.address, EMBEDDED_ALLOWANCE_WEI)
    return deploy(chain, maker)

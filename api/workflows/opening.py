"""Open what is encrypted: the holder's answer to a request for a key, and the licensee's way to one.

There is one rule, :func:`ledger.keyrelease.release`, wherever holder and licensee are: in one home the request is
answered within the process; else the holder's key service answers it, and the licensee's home keeps the key for itself
and nobody else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from api import data_keys, key_service, sealed_weights
from api.errors import UsageError
from api.home import Home, Ledger

_WITHIN = b"within one home."
"""The nonce of requests that are answered where they are made; 16 bytes."""

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.companions import Companions
    from ledger.contracts import DatasetEntry
    from ledger.contracts.entries import SubjectKind
    from ledger.digest import Digest
    from ledger.keyrelease import Asset, KeyRequest, SealedKey, Standing
    from ledger.keys import Signer
    from ledger.vault import DataKey, Vault


@dataclass(frozen=True, slots=True)
class Opened:
    """The outcome of :func:`fetch`; ``tried`` says that the key was seen to open the content, which was in the store.

    ``already`` says that this home held it before.
    """

    asset: Asset
    tried: bool
    already: bool


def standing(ledger: Ledger, kind: SubjectKind, number: int, who: Address) -> Standing:
    """What the chain says of a dataset's or model's key and somebody. Raises ``NotFound``."""
    from ledger.keyrelease import USE, Asset, Standing

    contracts, chain = ledger.contracts, ledger.chain
    if kind == "dataset":
        dataset = contracts.dataset(number)
        owner, digest = dataset.owner, dataset.root
    else:
        model = contracts.model(number)
        owner, digest = model.owner, model.weights
    deployment = contracts.deployment
    return Standing(
        asset=Asset(deployment.chain_id, deployment.licenses, kind, number, digest),
        owner=owner,
        until=contracts.licensed_until(kind, number, who, USE[kind]),
        time=chain.timestamp(chain.block_number),
        ended=contracts.key_end(who) is not None,
    )


def answer(
    home: Home,
    vault: Vault,
    kind: SubjectKind,
    number: int,
    request: bytes,
    now: Callable[[], datetime],
) -> SealedKey:
    """The holder's side: the key of a dataset or model of this home, for whoever the chain says may have it.

    Raises what :func:`ledger.keyrelease.release` does, and ``NotFound`` where this home holds no key of its own.
    """
    from ledger.errors import RequestInvalid
    from ledger.keyrelease import KeyRequest, release

    KeyRequest.verified(request, now())  # before a stranger's bytes make anybody ask the chain
    with home.ledger() as ledger:

        def look(asked: Asset, who: Address) -> Standing:
            if (asked.kind, asked.id) != (kind, number):
                raise RequestInvalid(f"the request is for the key of {asked}, and was sent for that of {kind} {number}")
            return standing(ledger, kind, number, who)

        return release(request, look=look, key=lambda asked: _own(ledger, vault, asked), now=now())


def data_key(
    home: Home,
    vault: Vault,
    kind: SubjectKind,
    number: int,
    *,
    signer: Signer,
    now: Callable[[], datetime],
) -> DataKey:
    """The key of a dataset or model, if the chain says that the signer may open it now; out of this home's vault.

    Raises :class:`~ledger.errors.LicenseMissing` and the like before the vault is asked, and ``NotFound`` where it
    holds no such key.
    """
    from ledger.errors import NotFound
    from ledger.keyrelease import KeyRequest, release

    with home.ledger() as ledger:
        seen = standing(ledger, kind, number, signer.address)
        # Nobody else sees this request. It comes out the same when it is made again, since a wallet may have signed it.
        companions = signer.companions or _lasting(vault, signer.address)
        request = KeyRequest.new(seen.asset, signer.address, companions.public.x25519, now(), nonce=_WITHIN)

        def kept(asked: Asset) -> DataKey:
            try:
                return _own(ledger, vault, asked)
            except NotFound:
                name = _licensed(asked.digest)
            if vault.holds(name):
                return vault.get(name)
            model = " --model" if kind == "model" else ""
            raise NotFound(
                f"this home holds no key of {asked}: it was forgotten, or lies with the holder. A licensee asks for it "
                f"with: stemmata license open {number}{model} --from URL --key NAME"
            )

        sealed = release(request.signed(signer), look=lambda asked, who: seen, key=kept, now=now())
    return sealed.open(request, companions)


def lies_here(home: Home, entry: DatasetEntry, asset: str) -> bool:
    """Whether this home has a key of a dataset's recordings, be it damaged or not; no passphrase is needed for it.

    ``asset``: as its record says.
    """
    from ledger.vault import Vault

    names = data_keys.of_recordings(asset, entry.root, entry.holder), _licensed(entry.root)
    return any(Vault.lies_in(home.path / "vault", name) for name in names)


def fetch(
    home: Home,
    kind: SubjectKind,
    number: int,
    *,
    url: str,
    signer: Signer,
    now: Callable[[], datetime],
) -> Opened:
    """The licensee's side: ask the holder's key service at ``url``, and keep the key in this home's vault.

    Where the content is in the store, the key has to open it, and then takes the place of another one, or of one that
    was damaged.

    Raises:
        LicenseMissing: by the chain, before the service is asked; or by the service.
        HolderUnreachable: no answer that makes sense.
        DecryptionFailed: the answer is not for this account, or the key does not open the content.
        KeyExists: this home holds another key, and without the content nobody can say which one is right.
        UsageError: the weights of the model lie in clear.
    """
    from ledger.errors import KeyDamaged, KeyExists, NotFound
    from ledger.keyrelease import SealedKey, require_license

    vault = home.vault()
    with home.ledger() as ledger:
        seen = standing(ledger, kind, number, signer.address)
    require_license(seen, signer.address, now())
    asset = seen.asset
    request, companions = _request(asset, signer, now())
    reply = key_service.ask(url, kind, number, request.signed(signer))
    key = SealedKey.from_bytes(reply).open(request, companions)
    with home.ledger() as ledger:
        tried = _opens(ledger, asset, key)
    with home.changing("keys"):
        try:
            kept = vault.get(_licensed(asset.digest))
        except (NotFound, KeyDamaged):
            kept = None
        already = kept == key
        if kept is not None and not already and not tried:
            raise KeyExists(
                f"{url} gives another key of {asset} than this home holds, and the content on which they could be "
                f"tried is not here: fetch it with stemmata content pull {asset.kind} {asset.id}, and ask again"
            )
        if not already:
            vault.erase(_licensed(asset.digest))
            vault.put(_licensed(asset.digest), key)
    return Opened(asset, tried, already)


def _request(asset: Asset, signer: Signer, now: datetime) -> tuple[KeyRequest, Companions]:
    """A request, and the keys that its answer is sealed to: the account's, or some that live as long as this call."""
    from ledger.companions import Companions
    from ledger.keyrelease import KeyRequest

    companions = signer.companions or Companions.generate()
    return KeyRequest.new(asset, signer.address, companions.public.x25519, now), companions


def _lasting(vault: Vault, account: Address) -> Companions:
    """Keys to seal to for an account that has none, the same ones each time."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    from ledger.companions import SEED_BYTES, Companions

    secret = data_keys.get_or_new(vault, f"requests:{account}").reveal()
    return Companions(HKDF(SHA256(), SEED_BYTES, salt=None, info=b"stemmata keys of requests v1").derive(secret))


def _licensed(digest: Digest) -> str:
    """Under which name a licensee's vault keeps a key: another than a holder's, so that it is handed on to nobody."""
    return f"licensed:{digest}"


def _own(ledger: Ledger, vault: Vault, asset: Asset) -> DataKey:
    """The key of what this home itself encrypted."""
    from ledger.errors import BlockMissing, NotFound

    try:
        return vault.get(own_name(ledger, asset))
    except (NotFound, BlockMissing):
        raise NotFound(f"this home holds no key of its own for {asset}") from None


def own_name(ledger: Ledger, asset: Asset) -> str:
    """Under which name a vault keeps a key if this home registered it for the holder. Raises ``BlockMissing``."""
    from api.workflows import datasets

    if asset.kind == "model":
        return data_keys.of_weights(asset.digest, ledger.contracts.model(asset.id).trainer)
    entry, record = datasets.show(ledger, asset.id)
    return data_keys.of_recordings(record.asset, entry.root, entry.holder)


def _opens(ledger: Ledger, asset: Asset, key: DataKey) -> bool:
    """Whether the key was seen to open the content; False where that is not in the store as yet."""
    from api.workflows import datasets
    from ledger.archive import fetch as fetch_record
    from ledger.errors import BlockMissing
    from ledger.records import TrainingRunRecord

    try:
        if asset.kind == "dataset":
            record = datasets.show(ledger, asset.id)[1]
            smallest = min(record.recordings, key=lambda item: item.size)
            datasets.read(ledger.store, record.asset, smallest, key)
            return True
        model = ledger.contracts.model(asset.id)
        run = fetch_record(ledger.store, TrainingRunRecord, model.cid, model.record, model.trainer)
        if not run.sealed:
            raise UsageError(f"the weights of {asset} lie in clear: there is nothing to open")
        with sealed_weights.opened(ledger.store, run, key):
            return True
    except BlockMissing:
        return False

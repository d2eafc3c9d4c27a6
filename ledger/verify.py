"""From a track on chain down to every recording behind it: each link checked, each check a finding.

Nothing here trusts a name or a flag. A record counts when its bytes have the digest that the chain holds, when the
address that acted on chain signed them, and when what they say agrees with the chain and with the records they name.
Only two things end a check early: storage that does not hold a block and a chain that does not answer; both are
*unverifiable*, never *invalid*.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger import agreement, anchored, registration
from ledger.archive import Record, fetch, open_signed
from ledger.cid import Cid
from ledger.envelope import MAX_BYTES
from ledger.errors import DigestMismatch, Invalid, Malformed, Unverifiable
from ledger.findings import Finding, Status
from ledger.keyhistory import KeyHistory
from ledger.lineage import DatasetNode, ModelNode, TrackNode
from ledger.records import DatasetRecord, LicenseRecord, TrackRecord, TrainingRunRecord, parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.address import Address
    from ledger.contracts import Contracts, DatasetEntry, LicenseEntry, ModelEntry, TrackEntry
    from ledger.store import ContentStore

    Registered = DatasetEntry | LicenseEntry | ModelEntry | TrackEntry

# What is wrong with a record may be quoted from it, and be of any length.
_LONGEST_DETAIL = 1000


class Verifier:
    """Checks tracks against one set of contracts and one store. ``findings`` grows with every check made."""

    def __init__(self, contracts: Contracts, store: ContentStore, trust: Sequence[bytes] = ()) -> None:
        """``trust``: roots in PEM that time-stamp authorities may lead to."""
        self._contracts = contracts
        self._trust = trust
        self._store = store
        self._keys = KeyHistory(contracts, store)
        self.findings: list[Finding] = []

    def track(self, entry: TrackEntry) -> TrackNode:
        """Check a track and everything it rests on. Chain trouble is raised, all else becomes a finding."""
        subject = f"track {entry.claim}"
        if entry.anchored is None:
            record = self._record(TrackRecord, subject, entry, entry.creator)
        else:
            record = self._anchored(subject, entry)
        model = self._contracts.model(entry.model)
        if record is not None:
            self._agree(
                "token",
                subject,
                "its watermark is the token, its claim, audio digest and creator are the chain's",
                agreement.pairs(record, entry, model, self._contracts.deployment),
            )
        self.findings.append(registration.depth(self._contracts, subject, entry))
        self.findings += registration.anchored(self._contracts, self._store, subject, entry)
        self._model_license(entry, model)
        return TrackNode(entry, record, self.model(model))

    def model(self, entry: ModelEntry) -> ModelNode:
        """Check a model: its record, its licenses at the time it was recorded, its datasets."""
        subject = f"model {entry.id}"
        record = self._record(TrainingRunRecord, subject, entry, entry.trainer)
        uses = {use.id: use for use in record.datasets} if record is not None else {}
        if record is not None:
            self._agree(
                "training run",
                subject,
                "weights, trainer, datasets, shares and royalty are the chain's",
                {
                    "royalty": (record.royalty_ppm, entry.royalty_ppm),
                    "parents": (tuple(parent.id for parent in record.parents), entry.parents),
                    "weights": (record.weights, entry.weights),
                    "trainer": (record.trainer, entry.trainer),
                    "datasets": (tuple((use.id, use.share_ppm) for use in record.datasets), entry.datasets),
                },
            )
        nodes = []
        for dataset_id, share in entry.datasets:
            dataset = self._contracts.dataset(dataset_id)
            use = uses.get(dataset_id)
            if use is not None:
                self._agree(
                    "dataset reference",
                    subject,
                    f"names dataset {dataset_id} by the digests that the chain holds",
                    {"record": (use.record, dataset.record), "root": (use.root, dataset.root)},
                )
            license_entry, license_record = self._training_license(entry, dataset, use.license_id if use else 0)
            nodes.append(DatasetNode(dataset, self.dataset(dataset), share, license_entry, license_record))
        return ModelNode(entry, record, tuple(nodes))

    def dataset(self, entry: DatasetEntry) -> DatasetRecord | None:
        """Check a dataset: its record, and the Merkle root over its recordings."""
        subject = f"dataset {entry.id}"
        record = self._record(DatasetRecord, subject, entry, entry.holder)
        if record is not None:
            # The record recomputes its root from its recordings when it is read.
            self._agree(
                "merkle root",
                subject,
                f"root over {len(record.recordings)} recordings is the chain's",
                {"root": (record.root, entry.root), "holder": (record.holder, entry.holder)},
            )
            self._agree(
                "terms",
                subject,
                "price, royalty, uses and end are those it was registered with",
                {"terms": (record.terms, entry.registered_terms)},
            )
            held = sum(self._store.has(recording.content.cid) for recording in record.recordings)
            self._note(
                "recordings", subject, f"{held} of {len(record.recordings)} encrypted recordings are in the store"
            )
        if entry.consent:
            self._ok("consent", subject, "the holder has not withdrawn consent")
        else:
            self._note("consent", subject, "the holder has withdrawn consent for new licenses")
        return record

    def _model_license(self, track: TrackEntry, model: ModelEntry) -> None:
        subject = f"track {track.claim}"
        recorded = "minted" if track.anchored is None else "anchored"
        if track.creator == model.trainer:
            self._ok("model license", subject, f"its creator trained model {model.id}")
        elif self._contracts.is_licensed("model", model.id, track.creator, "generate", block=track.block):
            self._ok("model license", subject, f"its creator was licensed to generate with model {model.id}")
        else:
            self._invalid(
                "model license", subject, f"its creator had no license for model {model.id} when it was {recorded}"
            )

    def _training_license(
        self, model: ModelEntry, dataset: DatasetEntry, named: int
    ) -> tuple[LicenseEntry | None, LicenseRecord | None]:
        """The license of the trainer: the one that the training record names, or the first that held if it names none.

        Only the named one counts, since a dataset's owner may grant others, under records that nobody signed. By naming
        one, the trainer accepts it.
        """
        subject = f"model {model.id}"
        if not self._contracts.is_licensed("dataset", dataset.id, model.trainer, "train", block=model.block):
            self._invalid(
                "license", subject, f"its trainer had no license for dataset {dataset.id} when it was recorded"
            )
            return None, None
        for entry in self._contracts.licenses("dataset", dataset.id, model.trainer):
            if "train" not in entry.uses or entry.block > model.block:
                continue
            if entry.valid_until is not None and entry.valid_until < model.time:
                continue
            if named not in (0, entry.id):
                continue
            name = f"license {entry.id} of dataset {dataset.id}"
            signer = license_signer(self._contracts, self._store, entry)
            record = self._record(LicenseRecord, name, entry, signer)
            if record is not None:
                self._agree(
                    "license terms",
                    name,
                    "licensee, subject, uses, end, price and royalty are the chain's",
                    {
                        "licensee": (record.licensee, entry.licensee),
                        "dataset": ((record.subject_kind, record.subject_id), ("dataset", dataset.id)),
                        "dataset record": (record.subject_record, dataset.record),
                        "uses": (record.uses, entry.uses),
                        "end": (_seconds(record.valid_until), entry.valid_until),
                        "price": ((record.price, record.currency), (entry.price, entry.currency)),
                        "royalty": (record.royalty_ppm, entry.royalty_ppm),
                    },
                )
            self._ok("license", subject, f"dataset {dataset.id} was licensed for training (license {entry.id})")
            self._license_now(subject, model, dataset)
            return entry, record
        if named:
            self._invalid(
                "license", subject, f"license {named}, which its record names, was none for dataset {dataset.id}"
            )
        else:
            self._ok("license", subject, f"its trainer owned dataset {dataset.id} when it was recorded")
        return None, None

    def _license_now(self, subject: str, model: ModelEntry, dataset: DatasetEntry) -> None:
        """Whether the trainer could train on it today, which undoes nothing."""
        if self._contracts.is_licensed("dataset", dataset.id, model.trainer, "train"):
            self._ok("license now", subject, f"its trainer is still licensed for dataset {dataset.id}")
        else:
            self._note("license now", subject, f"its trainer's license for dataset {dataset.id} has ended since")

    def _record(self, kind: type[Record], subject: str, entry: Registered, signer: Address) -> Record | None:
        """The record that an entry names, or None and a finding that says why not."""
        try:
            record, envelope = open_signed(self._store, kind, entry.cid, entry.record, signer)
        except Unverifiable as error:
            self._say("record", Status.UNVERIFIABLE, subject, str(error)[:_LONGEST_DETAIL])
            return None
        except (Invalid, Malformed) as error:
            check = "block" if self._is_replaced(entry) else "record"
            self._invalid(check, subject, str(error)[:_LONGEST_DETAIL])
            return None
        self._ok("record", subject, f"{entry.record}, signed by {signer}")
        self.findings += self._keys.check(subject, signer, entry.block, envelope)
        self.findings += registration.stamped(subject, entry.time, envelope, self._trust)
        return record

    def _anchored(self, subject: str, entry: TrackEntry) -> TrackRecord | None:
        """The record of a track that was not minted: its digest lies under a root that its creator put on chain."""
        try:
            record = anchored.fetch(self._store, entry.record)
        except Unverifiable as error:
            self._say("record", Status.UNVERIFIABLE, subject, str(error)[:_LONGEST_DETAIL])
            return None
        except (Invalid, Malformed) as error:
            check = "block" if isinstance(error, DigestMismatch) else "record"
            self._invalid(check, subject, str(error)[:_LONGEST_DETAIL])
            return None
        self._ok("record", subject, f"{entry.record}, anchored by {entry.creator}")
        self.findings += self._keys.counted(subject, entry.creator, entry.block)
        return record

    def _is_replaced(self, entry: Registered) -> bool:
        """Whether it is the stored bytes that were changed, and not what somebody put on record."""
        try:
            self._store.read_bytes(Cid.parse(entry.cid), MAX_BYTES)
        except DigestMismatch:
            return True
        except (Malformed, Unverifiable):
            pass
        return False

    def _agree(self, check: str, subject: str, right: str, pairs: dict[str, tuple[object, object]]) -> None:
        """One finding over several equalities; each that fails is named with both values."""
        wrong = [f"{name} {said} is not {held}" for name, (said, held) in pairs.items() if said != held]
        if wrong:
            self._invalid(check, subject, "; ".join(wrong))
        else:
            self._ok(check, subject, right)

    def _ok(self, check: str, subject: str, detail: str) -> None:
        self._say(check, Status.OK, subject, detail)

    def _note(self, check: str, subject: str, detail: str) -> None:
        self._say(check, Status.NOTE, subject, detail)

    def _invalid(self, check: str, subject: str, detail: str) -> None:
        self._say(check, Status.INVALID, subject, detail)

    def _say(self, check: str, status: Status, subject: str, detail: str) -> None:
        self.findings.append(Finding(check, status, subject, detail))


def license_signer(contracts: Contracts, store: ContentStore, entry: LicenseEntry) -> Address:
    """Who has to have signed a license's record: the licensee who bought it, or the owner who granted it.

    The chain does not tell a grant from a purchase for nothing; then either signature will do. Who owned it then is in
    the event. Raises :class:`ChainUnreachable`.
    """
    if entry.price:
        return entry.licensee
    owner = contracts.licensor(entry)
    try:
        fetch(store, LicenseRecord, entry.cid, entry.record, owner)
    except (Invalid, Malformed, Unverifiable):
        return entry.licensee
    return owner


def _seconds(time: str | None) -> int | None:
    """A record's time as the chain's: Unix time in seconds."""
    return None if time is None else int(parse_timestamp(time).timestamp())

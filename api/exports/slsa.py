"""SLSA provenance: the training of a model, or the making of a track, as a build (https://slsa.dev/spec/v1.0/provenance).

An in-toto Statement, unsigned: the signature is on the record that it is made from, and ``byproducts`` names that
record by its digest. The builder is the trainer's or creator's own account, so this is provenance and no more: nobody
but the maker vouches that it happened so (SLSA's build level 1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from api.exports.names import NAMESPACE, digest

if TYPE_CHECKING:
    from api.exports.names import Names
    from api.exports.whole import WholeModel, WholeTrack
    from ledger.digest import Digest

PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
TRAINING = f"{NAMESPACE}build:training:v1"
"""External parameters: ``preset``, ``config``, ``seed``, ``datasets`` and ``parents`` (tokens), as in the record."""
GENERATION = f"{NAMESPACE}build:generation:v1"
"""External parameters: ``model`` (token), ``seed``, ``style``, ``sampler``, ``frames``, ``rate``, ``channels``."""


def of_model(node: WholeModel, names: Names) -> dict[str, Any]:
    """A training run: its subject is the weights file."""
    record = node.record
    inputs = [
        _resource("dataset", names.dataset(each.entry.id), each.entry.record, merkleRoot=str(each.record.root))
        for each in node.datasets
    ]
    inputs += [_resource("parent model", names.model(each.id), each.record) for each in record.parents]
    inputs.append(_resource("code", digest(record.code), record.code))
    inputs += [{"name": name, "uri": package_url(name, version)} for name, version in sorted(record.packages.items())]
    return _statement(
        "weights",
        record.weights,
        {
            "buildType": TRAINING,
            "externalParameters": {
                "preset": record.preset,
                "config": dict(record.config),
                "seed": record.seed,
                "datasets": [names.dataset(each.id) for each in record.datasets],
                "parents": [names.model(each.id) for each in record.parents],
            },
            "internalParameters": {"machine": record.machine},
            "resolvedDependencies": inputs,
        },
        {
            "builder": {"id": names.account(record.trainer)},
            "metadata": {
                "invocationId": names.model(node.entry.id),
                "startedOn": record.started,
                "finishedOn": record.finished,
            },
            "byproducts": [_record(node.entry.cid, node.entry.record)],
        },
    )


def of_track(node: WholeTrack, names: Names) -> dict[str, Any]:
    """The making of a track: its subject is the audio file. When it began and ended is not recorded."""
    from ledger.records import RepeatableTrackRecord

    record, claim = node.record, node.record.claim
    inputs = [_resource("weights", names.model(claim.model), claim.weights)]
    internal: dict[str, Any] = {}
    if isinstance(record, RepeatableTrackRecord):
        inputs.append(_resource("code", digest(record.making.code), record.making.code))
        internal = {"internalParameters": {"machine": record.making.machine}}
    return _statement(
        "audio",
        record.audio,
        {
            "buildType": GENERATION,
            "externalParameters": {
                "model": names.model(claim.model),
                "seed": claim.seed,
                "style": list(claim.style),
                "sampler": dict(claim.sampler),
                "frames": claim.frames,
                "rate": claim.rate,
                "channels": claim.channels,
            },
            **internal,
            "resolvedDependencies": inputs,
        },
        {
            "builder": {"id": names.account(claim.creator)},
            "metadata": {"invocationId": names.track(node.entry.id)},
            "byproducts": [_record(node.entry.cid, node.entry.record)],
        },
    )


def package_url(name: str, version: str) -> str:
    """A Python package as a purl (package-url.github.io, type pypi)."""
    from urllib.parse import quote

    return f"pkg:pypi/{quote(name.lower().replace('_', '-'))}@{quote(version)}"


def _statement(name: str, subject: Digest, build: dict[str, Any], run: dict[str, Any]) -> dict[str, Any]:
    from ledger.records.statement import STATEMENT_TYPE

    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": str(subject)}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {"buildDefinition": build, "runDetails": run},
    }


def _resource(name: str, uri: str, sha256: Digest, **annotations: str) -> dict[str, Any]:
    said = {"name": name, "uri": uri, "digest": {"sha256": str(sha256)}}
    return {**said, "annotations": annotations} if annotations else said


def _record(cid: str, sha256: Digest) -> dict[str, Any]:
    return {"name": "record", "uri": f"ipfs://{cid}", "digest": {"sha256": str(sha256)}}

"""W3C PROV: who made what from what, as PROV-JSON.

Sources: W3C Recommendation "PROV-DM: The PROV Data Model" (30 April 2013), sections 5.1 to 5.3; W3C Member Submission
"The PROV-JSON Serialization" (24 April 2013). Agents are accounts: whether a person or a company stands behind one is
not known, so none is said to be either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from api.exports.names import NAMESPACE

if TYPE_CHECKING:
    from api.exports.names import Names
    from api.exports.whole import WholeDataset, WholeModel, WholeTrack
    from ledger.address import Address

Document = dict[str, dict[str, Any]]


def of_track(node: WholeTrack, names: Names) -> Document:
    """A track, its model, the model's datasets, and the accounts behind each."""
    record = node.record
    document = of_model(node.model, names)
    track, making, model = f"t:track-{record.watermark}", f"t:generation-{record.watermark}", _model(node.model)
    _add(
        document,
        "entity",
        track,
        {
            "prov:type": _type("Track"),
            "s:token": names.track(node.entry.id),
            "s:sha256": str(record.audio),
            "s:pcmSha256": str(record.pcm),
            "s:iscc": record.iscc,
            "s:watermark": record.watermark,
            "s:record": str(node.entry.record),
            "prov:location": f"ipfs://{record.content.cid}",
        },
    )
    claim = record.claim
    _add(
        document, "activity", making, {"prov:type": _type("Generation"), "s:seed": claim.seed, "s:frames": claim.frames}
    )
    creator = _agent(document, claim.creator, names)
    _relate(document, "wasGeneratedBy", entity=track, activity=making)
    _relate(document, "used", activity=making, entity=model)
    _relate(document, "wasAssociatedWith", activity=making, agent=creator)
    _relate(document, "wasDerivedFrom", generatedEntity=track, usedEntity=model, activity=making)
    _relate(document, "wasAttributedTo", entity=track, agent=creator)
    return document


def of_model(node: WholeModel, names: Names) -> Document:
    """A model, the run that trained it, its datasets with their licenses, and the models it began from."""
    record = node.record
    document = _empty(names)
    model, run = _model(node), f"t:training-{node.entry.id}"
    _add(
        document,
        "entity",
        model,
        {
            "prov:type": _type("Model"),
            "s:token": names.model(node.entry.id),
            "s:sha256": str(record.weights),
            "s:record": str(node.entry.record),
            "prov:location": f"ipfs://{record.content.cid}",
        },
    )
    _add(
        document,
        "activity",
        run,
        {
            "prov:startTime": record.started,
            "prov:endTime": record.finished,
            "prov:type": _type("Training"),
            "s:preset": record.preset,
            "s:seed": record.seed,
            "s:code": str(record.code),
            "s:machine": record.machine,
        },
    )
    trainer = _agent(document, record.trainer, names)
    _relate(document, "wasGeneratedBy", entity=model, activity=run)
    _relate(document, "wasAssociatedWith", activity=run, agent=trainer)
    _relate(document, "wasAttributedTo", entity=model, agent=trainer)
    for parent in record.parents:
        name = f"t:model-{parent.id}"
        _add(document, "entity", name, {"prov:type": _type("Model"), "s:token": names.model(parent.id)})
        _relate(document, "used", activity=run, entity=name)
        _relate(document, "wasDerivedFrom", generatedEntity=model, usedEntity=name, activity=run)
    for each in node.datasets:
        dataset = _dataset(document, each, names)
        _relate(document, "used", activity=run, entity=dataset, **{"s:sharePpm": each.share_ppm})
        _relate(document, "wasDerivedFrom", generatedEntity=model, usedEntity=dataset, activity=run)
        _license(document, each, run)
    return document


def of_dataset(node: WholeDataset, names: Names) -> Document:
    """A dataset and its holder."""
    document = _empty(names)
    _dataset(document, node, names)
    return document


def _dataset(document: Document, node: WholeDataset, names: Names) -> str:
    record = node.record
    name = f"t:dataset-{node.entry.id}"
    _add(
        document,
        "entity",
        name,
        {
            "prov:type": _type("Dataset"),
            "prov:label": record.title,
            "s:token": names.dataset(node.entry.id),
            "s:merkleRoot": str(record.root),
            "s:recordings": len(record.recordings),
            "s:license": record.license,
            "s:record": str(node.entry.record),
            "s:consent": node.entry.consent,
            "prov:location": f"ipfs://{node.entry.cid}",
        },
    )
    _relate(document, "wasAttributedTo", entity=name, agent=_agent(document, record.holder, names))
    return name


def _license(document: Document, node: WholeDataset, run: str) -> None:
    """The license under which a dataset was used, if one was needed."""
    entry = node.license
    if entry is None:
        return
    name = f"t:license-{node.entry.id}-{entry.id}-{entry.licensee}"
    said = {"prov:type": _type("License"), "s:uses": ",".join(entry.uses), "s:record": str(entry.record)}
    _add(document, "entity", name, said)
    _relate(document, "used", activity=run, entity=name)
    _relate(document, "wasInfluencedBy", influencee=name, influencer=f"t:dataset-{node.entry.id}")


def _empty(names: Names) -> Document:
    return {"prefix": {"s": NAMESPACE, "t": f"{NAMESPACE}eip155:{names.chain_id}:{names.tracks}:"}}


def _agent(document: Document, account: Address, names: Names) -> str:
    name = f"t:account-{account}"
    _add(document, "agent", name, {"prov:type": _type("Account"), "s:account": names.account(account)})
    return name


def _model(node: WholeModel) -> str:
    return f"t:model-{node.entry.id}"


def _type(word: str) -> dict[str, str]:
    return {"$": f"s:{word}", "type": "prov:QUALIFIED_NAME"}


def _add(document: Document, kind: str, name: str, said: dict[str, Any]) -> None:
    document.setdefault(kind, {})[name] = said


def _relate(document: Document, relation: str, **ends: Any) -> None:
    """One more relation of this kind; roles of PROV by their names, attributes with their prefix."""
    group = document.setdefault(relation, {})
    said = {name if ":" in name else f"prov:{name}": value for name, value in ends.items()}
    group[f"_:{relation}{len(group) + 1}"] = said

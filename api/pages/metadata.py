"""A track's metadata, as the token's ``tokenURI`` leads to it: ERC-721's JSON schema, and the fields that markets read.

The further fields (``animation_url``, ``external_url``, ``attributes`` with ``display_type``) are those that OpenSea's
metadata standard describes. All of it is made from the chain and the signed records, each time anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from api.amounts import percent_from_ppm
from api.reports.visible import visible

if TYPE_CHECKING:
    from ledger.lineage import DatasetNode, TrackNode


def name_of(number: int) -> str:
    """What a track is called: its watermark in hex, in groups of four."""
    mark = f"{number:016x}"
    return " ".join(mark[place : place + 4] for place in range(0, 16, 4))


def address_of(site: str, number: int) -> str:
    """The stable address of a track's page and metadata: what ``tokenURI`` says where ``site`` is the contract's."""
    return f"{site}/tracks/{number}"


def metadata(node: TrackNode, site: str) -> dict[str, Any]:
    """The metadata. ``site``: see :class:`api.service.settings.ServiceSettings`."""
    entry, record = node.entry, node.record
    address = address_of(site, entry.id)
    attributes = [
        _attribute("Model", entry.model),
        *(_attribute("Learned from", _title(dataset)) for dataset in node.model.datasets),
        _attribute("Creator", str(entry.creator)),
        {**_attribute("Minted", entry.time), "display_type": "date"},
        {**_attribute("Royalty in percent", float(percent_from_ppm(entry.royalty_ppm))), "display_type": "number"},
    ]
    if record is not None:
        seconds = round(record.claim.frames / record.claim.rate, 1)
        attributes.append({**_attribute("Length in seconds", seconds), "display_type": "number"})
    return {
        "name": f"Stemmata {name_of(entry.id)}",
        "description": _description(node, address),
        "image": f"{address}/cover.png",
        "animation_url": f"{address}/audio",
        "external_url": address,
        "attributes": attributes,
        "stemmata": {
            "watermark": f"{entry.id:016x}",
            "claim": str(entry.claim),
            "sha256": str(entry.audio),
            "record": str(entry.record),
            "cid": entry.cid,
        },
    }


def _description(node: TrackNode, address: str) -> str:
    titles = [_title(dataset) for dataset in node.model.datasets]
    learned = ", ".join(titles[:-1]) + " and " + titles[-1] if len(titles) > 1 else "".join(titles)
    return (
        f"Music made by a machine: model {node.entry.model}, which learned from {learned}. "
        f"Where it comes from, with the proof of each link: {address}"
    )


def _title(dataset: DatasetNode) -> str:
    """A dataset's title, or its number where its record cannot be read."""
    return f"dataset {dataset.entry.id}" if dataset.record is None else visible(dataset.record.title)


def _attribute(trait: str, value: str | float) -> dict[str, Any]:
    return {"trait_type": trait, "value": value}

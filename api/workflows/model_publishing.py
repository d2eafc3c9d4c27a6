"""Copies of a model's weights that leave: with a manifest in them, and a signature beside them."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from api import credentialing
from api.errors import NotCreator, OutputExists, UsageError
from api.home import Home
from api.outputs import require_folder
from api.workflows import rendering

if TYPE_CHECKING:
    from ledger.contracts import ModelEntry
    from ledger.keys import Signer


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """The outcome of :func:`publish`; ``signature`` is the file beside the weights, where one was asked for."""

    entry: ModelEntry
    signature: Path | None


def publish(home: Home, model_id: int, out: Path, *, signer: Signer, signed: bool, now: datetime) -> PublishedModel:
    """Write a model's weights to ``out`` with a manifest in their header; without it they are what was recorded.

    ``signed``: a signature after OpenSSF goes beside them, as ``out`` with ``.sig`` after it. Raises
    :class:`NotCreator` where the signer neither trained nor owns the model, and :class:`UsageError` for weights that
    are sealed.
    """
    from gen.file import replacing
    from ledger import model_credentials, model_signature
    from ledger.archive import fetch
    from ledger.records import TrainingRunRecord

    if out.suffix != ".safetensors":
        raise UsageError(f"{out}: weights are written as SafeTensors; name it {out.with_suffix('.safetensors').name}")
    require_folder(out)
    if signed and importlib.util.find_spec("model_signing") is None:
        raise UsageError("--sign needs model-signing; in the project's folder: pip install '.[model-signing]'")
    beside = out.with_name(f"{out.name}.sig")
    for path in (out, beside):
        if path.exists():
            raise OutputExists(f"{path} exists; name another file, for none is overwritten")
    with home.acting(signer.address) as ledger:
        entry = ledger.contracts.model(model_id)
        if signer.address not in (entry.trainer, entry.owner):
            raise NotCreator(f"{signer.address} neither trained model {model_id} nor owns it")
        record = fetch(ledger.store, TrainingRunRecord, entry.cid, entry.record, entry.trainer)
        if record.sealed:
            raise UsageError(f"the weights of model {model_id} are sealed: they leave for whoever is licensed alone")
        place = ledger.contracts.deployment
    origin = model_credentials.ModelOrigin(
        chain_id=place.chain_id,
        models=place.models,
        model=entry.id,
        record=entry.record,
        weights=entry.weights,
        datasets=tuple(use.record for use in record.datasets),
    )
    pen = credentialing.pen(home, signer, now)
    with rendering.weights(home, record).open("rb") as source, replacing(out) as target:
        model_credentials.sign(source, target, origin, pen)
    if signed:
        model_signature.sign(out, beside, pen.companions)
    return PublishedModel(entry, beside if signed else None)

"""What every noun's verbs stand on: an open chain, and a deployment on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.contracts.deployed import Deployed
from ledger.contracts.entries import SubjectKind
from ledger.errors import ArgumentRefused

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.chain import Chain
    from ledger.deployment import Deployment


class Verbs:
    """A chain and a deployment on it."""

    def __init__(self, chain: Chain, deployment: Deployment) -> None:
        """Raises :class:`NoDeployment` if the deployment belongs to another chain, or its contracts are not there."""
        self.chain = chain
        self.deployment = deployment
        self._on = Deployed(chain, deployment)

    def _subject(self, kind: SubjectKind) -> Address:
        subjects = {"dataset": self.deployment.datasets, "model": self.deployment.models}
        if kind not in subjects:
            raise ArgumentRefused(f"licenses are for a dataset or a model, not for {kind!r}")
        return subjects[kind]

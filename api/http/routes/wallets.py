"""What a job asks of its account's wallet: ``/v1/jobs/{id}/wallet``."""

# No postponed annotations: FastAPI reads those of its handlers.

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Depends, Path
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.http.caller import Caller, needs
from api.service import asking
from api.service.job import Job
from api.service.patient_wallet import highest_nonce
from api.service.service import Service
from api.service.wallets import Wallets

Id = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{22}$", examples=["rDo8Xr0eYVvQ1uYV5bS0xw"])]
Hex = Annotated[str, Field(pattern="^0x[0-9a-fA-F]*$")]


class Question(BaseModel):
    """What the wallet is asked: a message for `personal_sign`, or a transaction for `eth_sendTransaction`."""

    number: int
    kind: Literal["sign", "send"]
    message: Hex | None = None
    chain_id: Hex | None = Field(default=None, serialization_alias="chainId")
    to: Hex | None = None
    data: Hex | None = None
    value: Hex | None = None
    gas: Hex | None = None


class Reply(BaseModel):
    """What the wallet gave, or why it gave nothing; one of the three."""

    model_config = ConfigDict(extra="forbid")

    number: int = Field(ge=1, le=2**31 - 1, description="Of the question.")
    signature: str | None = Field(default=None, pattern="^0x[0-9a-fA-F]{130}$", examples=["0x" + "5c" * 65])
    hash: str | None = Field(default=None, pattern="^0x[0-9a-f]{64}$", examples=["0x" + "5c" * 32])
    refused: str | None = Field(default=None, max_length=1000)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.said()) != 1:
            raise ValueError("signature, hash or refused: one of the three")
        return self

    def said(self) -> dict[str, str]:
        """The one that is there, by its name."""
        return {str(name): str(value) for name, value in self if name != "number" and value is not None}


def create_router(service: Service) -> APIRouter:
    """The routes of questions to wallets."""
    router, wallets = APIRouter(tags=["jobs"]), Wallets(service.database)

    def mine(id: str, who: Caller) -> Job:  # noqa: A002
        return asking.seen(service, who.address, id)

    @router.get("/jobs/{id}/wallet", response_model=Question, responses={204: {"description": "Nothing is asked now."}})
    def asked(id: Id, who: Annotated[Caller, Depends(needs("money"))]) -> Response | Question:  # noqa: A002
        """What the job asks for while its state is `asking`, for a day; 204 where it asks for nothing."""
        question = wallets.open(mine(id, who))
        if question is None:
            return Response(status_code=204, headers={"Cache-Control": "no-store"})
        content = dict(question.content)
        return Question(number=question.number, kind=question.kind, chain_id=content.pop("chainId", None), **content)

    @router.post("/jobs/{id}/wallet", status_code=204)
    def answer(id: Id, reply: Reply, who: Annotated[Caller, Depends(needs("money"))]) -> None:  # noqa: A002
        """Give the wallet's answer. The job goes on with it, and checks it: a signature by another account ends it. One
        that is refused has failed, and can be tried again."""
        job = mine(id, who)
        asking.answer(
            service, job, reply.number, reply.said()
        )  # first of all: what was sent is sent, chain or no chain
        if reply.hash is not None:
            nonce = highest_nonce(service.home, who.address, reply.hash)
            if nonce is not None:
                wallets.bound(job, reply.number, nonce)

    return router

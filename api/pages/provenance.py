"""*Provenance*: a page for each track, model and dataset, at an address that stays, with the proof of each link.

A track's address is what its token's ``tokenURI`` says. Whoever asks there for JSON, or does not say that a page is
wanted, gets the metadata: markets do not say what they want.
"""

# No postponed annotations: FastAPI reads those of its handlers.

from pathlib import Path as FilePath
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response

from api.errors import NoSuchThing
from api.pages import dataset
from api.pages.cover import Covers, Look
from api.pages.door import moved
from api.pages.fan import fan
from api.pages.language import Words, language_of
from api.pages.layout import page
from api.pages.listening import listen
from api.pages.metadata import address_of, metadata, name_of
from api.pages.proofs import Minted, Proof, Proofs
from api.pages.writing import length
from api.reports import provenance, stemma
from api.reports.html import SIGN_OF
from api.reports.outline import owing
from api.service import track_ids
from api.service.anchorings import Anchorings
from api.service.directory import Directory
from api.service.service import Service
from ledger.cid import Cid
from ledger.envelope import MAX_BYTES
from ledger.errors import NotFound
from ledger.lineage import ModelNode
from ledger.records import ContentRef

# Anybody's page may show what a token is: that is what it is for.
_OPEN: Final = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
_FRESH: Final = "public, max-age=60"

Token = Annotated[int, Path(ge=0, lt=2**64)]
Number = Annotated[int, Path(ge=1, lt=2**40)]
MOST_NEWEST: Final = 20
"""So many tracks of a model its page names: the newest."""
READ: Final = ["GET", "HEAD"]


def create_router(service: Service, proofs: Proofs, covers: Covers) -> APIRouter:
    """Pages of tracks, models and datasets; of tracks also metadata, cover, outline, audio and signed record."""
    router, directory = APIRouter(), Directory.of(service)
    _add_track(router, service, proofs, covers)
    router.include_router(dataset.create_router(service, proofs))

    @router.api_route("/models/{number}", methods=READ)
    def model(request: Request, number: Number) -> Response:
        """A model: what it learned from, and the proof of that."""
        proof = proofs.model(number)
        words = Words(language_of(request))
        tree = provenance.model_boxes(proof.subject, proof.findings, words.report)
        newest = directory.tracks(model=number, most=MOST_NEWEST, newest=True).entries
        return page(request, "model.html", node=proof.subject, newest=newest, **_shown(proof, proof.subject, tree))

    @router.api_route("/models/{number}/record.json", methods=READ)
    def model_record(number: Number) -> Response:
        """A model's record as its trainer signed it."""
        return _signed(service, proofs.model(number).subject.entry.cid)

    @router.api_route("/datasets/{number}/record.json", methods=READ)
    def dataset_record(number: Number) -> Response:
        """A dataset's record as its holder signed it."""
        return _signed(service, proofs.dataset(number).subject.entry.cid)

    return router


def _add_track(router: APIRouter, service: Service, proofs: Proofs, covers: Covers) -> None:
    """The routes of tracks."""
    anchorings = Anchorings.of(service)

    @router.api_route("/tracks/{number}.json", methods=READ)
    def described(number: Token) -> Response:
        """A token's metadata."""
        return _metadata(service, proofs.track(number))

    @router.api_route("/tracks/{id}", methods=READ)
    def track(request: Request, id: Annotated[str, Path(pattern=track_ids.PATTERN)]) -> Response:  # noqa: A002
        """A track: where it comes from, and the proof of each link; or its token's metadata.

        A watermark in hex leads to it; sixteen digits alone are a token. What was anchored and has no token yet has
        another page, to which this leads.
        """
        number = track_ids.token(id)
        if str(number) != id:
            return moved(request, f"/tracks/{number}")
        if number >= 2**64:
            raise NoSuchThing("there is no such track")
        wanted = "text/html" in request.headers.get("accept", "")
        try:
            proof = proofs.track(number)
        except NotFound as nowhere:
            if wanted:
                return _anchored(service, anchorings, number, nowhere)
            raise
        if not wanted:
            return _metadata(service, proof)
        words = Words(language_of(request))
        tree = provenance.boxes(proof.subject.node, proof.findings, words.report)
        more: dict[str, Any] = {
            "node": proof.subject.node,
            "owed": owing(proof.subject.node.entry, proof.subject.account, words.report),
            "name": name_of(number),
            "offered": Directory.of(service).offer(number) is not None,
            "length": length(proof.subject.node.record, words),
            "address": address_of(service.settings.site, number),
        }
        return page(request, "track.html", **_shown(proof, proof.subject.node.model, tree), **more)

    @router.api_route("/tracks/by-mark/{mark}", methods=READ)
    def by_mark(mark: Annotated[str, Path(pattern="^[0-9a-f]{16}$")]) -> Response:
        """From a watermark in hex, as reports write it, to its track."""
        return RedirectResponse(f"/tracks/{int(mark, 16)}", 308)

    @router.api_route("/tracks/{number}/cover.png", methods=READ)
    def cover(number: Token) -> Response:
        """A track's cover."""
        return _file(_look(proofs, covers, number).cover, "image/png")

    @router.api_route("/tracks/{number}/outline.json", methods=READ)
    def outline(number: Token) -> Response:
        """A track's outline, for a player to draw."""
        return _file(_look(proofs, covers, number).outline, "application/json")

    @router.api_route("/tracks/{number}/audio", methods=READ)
    def audio(request: Request, number: Token) -> Response:
        """A track's file, byte for byte as it was minted."""
        content, size = _content(proofs, number)
        wanted = request.headers.get("range")
        response = listen(service.home.store(), content, size, wanted, f"stemmata-{number:016x}.wav")
        response.headers.update(_OPEN)
        return response

    @router.api_route("/tracks/{number}/record.json", methods=READ)
    def record(number: Token) -> Response:
        """A track's record as its creator signed it."""
        return _signed(service, proofs.track(number).subject.node.entry.cid)


def _shown(proof: Proof[Any], model: ModelNode, tree: provenance.Box) -> dict[str, Any]:
    """What a page with a tree shows of it: the pictures, and the boxes in the order of the tree."""
    return {
        "proof": proof,
        "sign_of": SIGN_OF,
        "fanned": fan(tree, [node.share_ppm for node in model.datasets]),
        "drawn": stemma.draw(tree),
        "sizes": stemma,
        "boxes": [box for _, box in tree.flat()],
    }


def _anchored(service: Service, anchorings: Anchorings, number: int, nowhere: NotFound) -> Response:
    """The way to the page of a track that was anchored; for a while, since it may be minted. Raises ``nowhere``."""
    with service.home.reading() as ledger:
        try:
            anchorings.by_watermark(ledger, number)
        except NotFound:
            raise nowhere from None
    return RedirectResponse(f"/anchored/{number:016x}", 303)


def _metadata(service: Service, proof: Proof[Minted]) -> Response:
    content = metadata(proof.subject.node, service.settings.site)
    return JSONResponse(content, 200, {**_OPEN, "Cache-Control": _FRESH, "Vary": "Accept"})


def _content(proofs: Proofs, number: int) -> tuple[ContentRef, int]:
    """A track's file, and its size. Raises :class:`NoSuchThing` where its record could not be read."""
    record = proofs.track(number).subject.node.record
    if record is None:
        raise NoSuchThing(f"track {name_of(number)}: its record could not be read, and so nobody knows its file")
    return record.content, record.size


def _look(proofs: Proofs, covers: Covers, number: int) -> Look:
    return covers.look(_content(proofs, number)[0])


def _file(path: FilePath, kind: str) -> Response:
    return FileResponse(path, headers={**_OPEN, "Cache-Control": "public, max-age=86400"}, media_type=kind)


def _signed(service: Service, cid: str) -> Response:
    """A signed record (DSSE) as it lies in the store; the chain names it by its CID."""
    content = service.home.store().read_bytes(Cid.parse(cid), limit=MAX_BYTES)
    return Response(content, 200, {**_OPEN, "Cache-Control": _FRESH}, "application/json")

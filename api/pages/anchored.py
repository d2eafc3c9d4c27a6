"""*Provenance* of a track that was anchored and has no token: what it is, whose, in which batch, and the proof of that.

Its address is its watermark, which is the token that it will have: once it is minted, the address leads on to that.
"""

# No postponed annotations: FastAPI reads those of its handlers.

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from api.errors import NoSuchThing
from api.pages.cover import Covers
from api.pages.fan import fan
from api.pages.language import Words, language_of
from api.pages.layout import page
from api.pages.listening import listen
from api.pages.metadata import name_of
from api.pages.proofs import Proof, Proofs
from api.pages.writing import length
from api.reports import provenance, stemma
from api.reports.html import SIGN_OF
from api.service.anchorings import Anchorings
from api.service.service import Service
from ledger.cid import Cid
from ledger.lineage import TrackNode
from ledger.records import ContentRef

if TYPE_CHECKING:
    from api.home import Ledger
    from ledger.verify import Verifier

Mark = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]
READ: Final = ["GET", "HEAD"]
_KEPT: Final = {"Cache-Control": "public, max-age=86400"}


def create_router(service: Service, proofs: Proofs, covers: Covers) -> APIRouter:
    """The page of an anchored track, with its cover, outline, audio and record."""
    router, anchorings = APIRouter(), Anchorings.of(service)

    def proved(mark: str) -> Proof[TrackNode | None]:
        """The track down to every dataset behind it; of one that was minted by now nothing."""

        def verify(ledger: "Ledger", verifier: "Verifier") -> TrackNode | None:
            entry = anchorings.by_watermark(ledger, int(mark, 16))
            return None if entry.anchored is None else verifier.track(entry)

        return proofs.of("anchored", int(mark, 16), verify)

    def content(mark: str) -> tuple[ContentRef, int]:
        """Its file, and that file's size. Raises :class:`NoSuchThing` where its record could not be read."""
        node = proved(mark).subject
        if node is None or node.record is None:
            raise NoSuchThing(f"track {mark}: it is minted by now, or its record could not be read")
        return node.record.content, node.record.size

    @router.api_route("/anchored/{mark}", methods=READ)
    def anchored(request: Request, mark: Mark) -> Response:
        """The page."""
        proof = proved(mark)
        node = proof.subject
        if node is None or node.entry.anchored is None:
            return RedirectResponse(f"/tracks/{int(mark, 16)}", 303)
        words = Words(language_of(request))
        tree = provenance.boxes(node, proof.findings, words.report)
        shown: dict[str, Any] = {
            "node": node,
            "place": node.entry.anchored,
            "proof": proof,
            "name": name_of(node.entry.id),
            "length": length(node.record, words),
            "address": f"{service.settings.site}/anchored/{mark}",
            "sign_of": SIGN_OF,
            "fanned": fan(tree, [one.share_ppm for one in node.model.datasets]),
            "drawn": stemma.draw(tree),
            "sizes": stemma,
            "boxes": [box for _, box in tree.flat()],
        }
        return page(request, "anchored.html", **shown)

    @router.api_route("/anchored/{mark}/cover.png", methods=READ)
    def cover(mark: Mark) -> Response:
        """Its cover."""
        return FileResponse(covers.look(content(mark)[0]).cover, headers=_KEPT, media_type="image/png")

    @router.api_route("/anchored/{mark}/outline.json", methods=READ)
    def outline(mark: Mark) -> Response:
        """Its outline, for a player to draw."""
        return FileResponse(covers.look(content(mark)[0]).outline, headers=_KEPT, media_type="application/json")

    @router.api_route("/anchored/{mark}/audio", methods=READ)
    def audio(request: Request, mark: Mark) -> Response:
        """Its file, byte for byte as it was anchored."""
        found, size = content(mark)
        return listen(service.home.store(), found, size, request.headers.get("range"), f"stemmata-{mark}.wav")

    @router.api_route("/anchored/{mark}/record.json", methods=READ)
    def record(mark: Mark) -> Response:
        """Its record: not signed, but its digest lies under the root that its creator put on chain."""
        node = proved(mark).subject
        if node is None:
            raise NoSuchThing(f"track {mark} is minted by now")
        block = service.home.store().get(Cid.of_digest(node.entry.record.raw))
        return Response(block, 200, _KEPT, "application/json")

    return router

"""Files that come with a page's form, kept as an upload: what a page without scripts sends instead of one by one."""

# No postponed annotations: the pages import this beside their handlers.

from collections.abc import AsyncIterator, Sequence
from typing import Final

from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from api.pages.door import Reader
from api.service.service import Service
from api.service.uploads import Uploads

_PIECE: Final = 1 << 18


async def keep(service: Service, who: Reader, sent: Sequence[UploadFile]) -> str:
    """Keep files as one upload of the reader's; its id. Nothing stays of it where one of them cannot be taken.

    Raises what :meth:`api.service.uploads.Uploads.receive` does.
    """
    uploads = Uploads.of(service)
    upload = await run_in_threadpool(uploads.make, who.address)
    try:
        for one in sent:
            # Some browsers send a path; its folders are of no use here.
            name = (one.filename or "").replace("\\", "/").rpartition("/")[2].lstrip(". ").rstrip()
            await uploads.receive(upload, name, _pieces(one), one.size)
    except BaseException:
        await run_in_threadpool(uploads.drop, upload.id)
        raise
    return upload.id


async def _pieces(sent: UploadFile) -> AsyncIterator[bytes]:
    while piece := await sent.read(_PIECE):
        yield piece

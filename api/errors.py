"""Everything that can go wrong where the rooms meet, as one tree. The rooms' own errors pass through unchanged.

ApiError
├── UsageError             the request makes no sense as asked; exit 2
│   ├── PassphraseMissing  a key must be opened and no passphrase was given
│   ├── FormUnreadable     a field of a page's form is not what it should be
│   ├── WishUnknown        a style or a label is none that the model knows
│   └── OutputExists       the file to be written exists and is something else
├── BadRecordings          a folder holds files that cannot be used, each with its reason
├── RecordingChanged       a file changed while it was being registered
├── ResemblesDataset       recordings are those of a dataset that is registered already
├── NamesForgotten         the key of a dataset's file names was erased
├── NothingOriginal        all that was made repeats too much of a training recording
├── NotGenerated           a file to be minted is not what ``generate`` wrote here
├── NotMinted              a file is no minted track, or was minted without a manifest
├── NotCreator             the claim belongs to another key
├── NotWhole               a lineage that is to be exported has gaps, or does not hold
├── HomeBusy               another process is changing this home
├── DatabaseUnusable       the service's database is out of reach, or another version's
├── NotSignedIn            a request needs an account, and names none
├── NotPermitted           the account may not do this, or the token not this much
├── TooMany                more was asked in a while than one caller may ask
├── TooLarge               what is sent in is larger than may be
├── NoSuchThing            nothing of that name is here, or it is nobody's business that it is
├── RequestConflict        it was asked before in other words, or is over already
├── LeaseLost              a worker was taken for dead, and another has its job
├── KeyElsewhere           the service holds no key of the account, which would have to sign
├── DataKeyElsewhere       this home holds no key of a dataset's recordings, which would have to be opened
├── InstrumentMissing      the package's instrument is not on the chain, or the package has none
├── InstrumentDamaged      a file of the package's instrument is missing or altered
├── StudioMissing          training and generation are not installed
├── ServiceMissing         what serves over HTTP is not installed
└── DocumentMissing        what writes PDF is not installed
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


def printable(path: Path) -> str:
    """A path as text, whatever bytes it is made of."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


class ApiError(Exception):
    """Root of the tree."""


class UsageError(ApiError):
    """The request makes no sense as asked."""


class PassphraseMissing(UsageError):
    """A key must be opened and no passphrase was given."""


class FormUnreadable(UsageError):
    """A field of a page's form is not what it should be; said in ``language``, that of the page."""

    def __init__(self, message: str, language: str) -> None:
        self.language = language
        super().__init__(message)


class WishUnknown(UsageError):
    """A style or a label is none that the model knows; the message lists those."""


class OutputExists(UsageError):
    """The file to be written exists and is something else."""


class BadRecordings(ApiError):
    """A folder holds files that cannot be used; ``files`` pairs each with the reason."""

    def __init__(self, files: Sequence[tuple[Path, Exception]]) -> None:
        self.files = tuple(files)
        listing = "\n".join(f"  {printable(path)}\n    {type(error).__name__}: {error}" for path, error in self.files)
        count = "1 file" if len(self.files) == 1 else f"{len(self.files)} files"
        super().__init__(
            f"{count} cannot be used:\n{listing}\n"
            "Mend or remove them, or leave them out with --skip-bad (the record will say so)."
        )


class RecordingChanged(ApiError):
    """A file changed while it was being registered."""


class ResemblesDataset(ApiError):
    """Recordings are those of a dataset that is registered already."""


class NamesForgotten(ApiError):
    """The key of a dataset's file names was erased."""


class NothingOriginal(ApiError):
    """All that was made repeats too much of a training recording."""


class NotGenerated(ApiError):
    """A file to be minted is not what ``generate`` wrote here."""


class NotMinted(ApiError):
    """A file is no minted track, or was minted without a manifest."""


class NotCreator(ApiError):
    """The claim belongs to another key."""


class NotWhole(ApiError):
    """A lineage that is to be exported has gaps, or does not hold."""


class DatabaseUnusable(ApiError):
    """The service's database is out of reach, or another version's."""


class NotSignedIn(ApiError):
    """A request needs an account, and names none."""


class NotPermitted(ApiError):
    """The account may not do this, or the token not this much."""


class TooMany(ApiError):
    """More was asked in a while than one caller may ask; ``after`` is when to come again, in seconds."""

    def __init__(self, message: str, after: int) -> None:
        self.after = after
        super().__init__(message)


class TooLarge(ApiError):
    """What is sent in is larger than may be."""


class NoSuchThing(ApiError):
    """Nothing of that name is here, or it is nobody's business that it is."""


class RequestConflict(ApiError):
    """It was asked before in other words, or is over already."""


class LeaseLost(ApiError):
    """A worker was taken for dead, and another has its job."""


class KeyElsewhere(ApiError):
    """The service holds no key of the account, which would have to sign."""


class DataKeyElsewhere(ApiError):
    """This home holds no key of a dataset's recordings, which would have to be opened; ``dataset`` is its number."""

    def __init__(self, dataset: int) -> None:
        self.dataset = dataset
        super().__init__(
            f"datasets: dataset {dataset} cannot be trained on here, since this home holds no key of its recordings: "
            "it lies with their holder, or was forgotten. Whoever holds a license may open it from the holder's "
            f"service, in the home that is to train: stemmata license open {dataset} --from URL --key NAME"
        )


class HomeBusy(ApiError):
    """Another process is changing this home."""


class InstrumentMissing(ApiError):
    """The package's instrument is not on the chain, or the package has none."""


class InstrumentDamaged(ApiError):
    """A file of the package's instrument is missing or altered."""


class StudioMissing(ApiError):
    """Training and generation are not installed."""


class ServiceMissing(ApiError):
    """What serves over HTTP is not installed."""


class DocumentMissing(ApiError):
    """What writes PDF is not installed."""

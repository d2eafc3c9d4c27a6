"""What went wrong, in the words of a request: no place on the keeper's disk, no option of the command line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_ID: Final = r"[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])"
# Commands are left as they are: whoever has a key elsewhere types them.
_OPTION: Final = re.compile(r"stemmata [^;\n`]*|(?<![\w.-])--([a-z]+(?:-[a-z]+)*)(?![\w-]|\.\w)")
_MORPH: Final = re.compile(r"(?<![\w.-])--morph (?=style|seed|labels)")
_CALLED: Final = {"all": "everybody", "label": "labels", "use": "uses"}
"""Options whose fields of a request have another name."""
_SWITCHES: Final = frozenset({"everybody", "skip_bad", "allow_overlap", "allow_resampled", "hide_labels", "seal"})


def worded(text: str, *, uploads: Path, jobs: Path, home: Path) -> str:
    """The words of an error: files by their names within the upload or job, and fields where it names options."""
    for folder, what in ((uploads, "the upload"), (jobs, "the job")):
        place = re.escape(str(folder)) + "/" + _ID
        text = re.sub(f"{place}/", "", text)
        text = re.sub(place, what, text)
    text = re.sub(rf"(?<![\w.-]){re.escape(str(home))}/", "", text)
    return fields(text)


def fields(text: str) -> str:
    """The same of options alone."""
    return _OPTION.sub(_field, _MORPH.sub("morph_", text))


def _field(found: re.Match[str]) -> str:
    option = found[1]
    if option is None:
        return found[0]
    name = _CALLED.get(option, option.replace("-", "_"))
    return f"{name}: true" if name in _SWITCHES else name

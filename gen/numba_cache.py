"""What numba compiles, and keeps in its cache: functions of this project, and librosa by one process at a time.

Two processes that compile the same generalised function at once leave a cache of which one half is from either, and
whoever calls the function then is killed by a segmentation fault, now and in every later run (numba issue 10128).
"""

import contextlib
import fcntl
import importlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

_COMPILED_AT_IMPORT = ("librosa.util.utils", "librosa.core.audio", "librosa.core.pitch")
"""The modules with `guvectorize` that are used here. `librosa.beat` is the other one."""


@lru_cache(maxsize=1)
def librosa() -> Any:
    """The module `librosa`, compiled. Waits while another process compiles it: some 10 s, once per installation."""
    module = importlib.import_module("librosa")
    with Path(str(module.__file__)).open("rb") as held:
        # Some network file systems lock nothing that is open for reading: then as librosa itself does.
        with contextlib.suppress(OSError):
            fcntl.flock(held, fcntl.LOCK_EX)
        for name in _COMPILED_AT_IMPORT:
            importlib.import_module(name)
    return module


def compiled(function: Callable[..., Any], types: str | None = None, **settings: Any) -> Any:
    """A function of numbers and arrays in the processor's own instructions, kept on disk where a place can be written.

    types: of its arguments; then it is compiled now, and not at the first call. settings: of `numba.njit`.
    """
    import numba

    try:
        return numba.njit(types, cache=True, **settings)(function)
    except RuntimeError:  # numba found no such place
        return numba.njit(types, **settings)(function)

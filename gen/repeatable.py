"""The conditions under which the same seed gives the same bits."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def repeatable(strict: bool = True) -> Iterator[None]:
    """One thread and deterministic algorithms while it lasts; what was set before is set again at its end.

    strict: refuse what has no deterministic algorithm; else it is done as it can be, as some things on a GPU must be.

    Both settings belong to the process, so work on torch in other threads is slowed down meanwhile, not changed.
    """
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True, warn_only=not strict)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        torch.set_num_threads(threads)

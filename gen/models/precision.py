"""Where networks may multiply in bfloat16, and some of what they do may not."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor


@contextlib.contextmanager
def exact(tensor: Tensor) -> Iterator[None]:
    """Whatever is done inside on the tensor's device stays in its own precision, also under autocast.

    What comes out of autocast may be bfloat16 already: the caller brings it back to float32.
    """
    device = tensor.device.type
    known = torch.amp.is_autocast_available(device)
    with torch.autocast(device, enabled=False) if known else contextlib.nullcontext():
        yield

"""What a step does on a GPU, recorded once and then replayed: the processor issues thousands of kernels at once.

CUDA graphs (CUDA C++ Programming Guide, "CUDA Graphs"; torch.cuda.graph). Where kernels are small, issuing them one by
one takes the processor longer than doing them takes the GPU.
"""

import gc
from collections.abc import Callable

import torch
from torch import Tensor

_BEFORE = 3
"""Steps taken as they are first, in which cuDNN, cuFFT and optimisers make what they keep (as torch's notes advise)."""


class Recorded:
    """A function of a batch on a GPU that does the same work whatever the batch says: no value is looked at meanwhile.

    What it changes beside its result (weights, averages) it changes in place. Its choices, by which the work may
    differ, are recorded separately, and each recording keeps the memory of a step.
    """

    def __init__(self, function: Callable[..., Tensor]) -> None:
        """function: of a batch and of choices, True or False each; to a tensor of one shape."""
        self._function = function
        self._seen: dict[tuple[bool, ...], int] = {}
        self._recordings: dict[tuple[bool, ...], tuple[torch.cuda.CUDAGraph, Tensor, Tensor]] = {}

    def __call__(self, batch: Tensor, *choices: bool) -> Tensor:
        """What the function gives. It is overwritten at the next call with the same choices.

        Raises ValueError for a batch of another shape than the recorded one.
        """
        if choices not in self._recordings:
            self._seen[choices] = self._seen.get(choices, 0) + 1
            if self._seen[choices] <= _BEFORE:
                return self._taken(batch, choices)
            self._record(batch.clone(), choices)
        graph, place, result = self._recordings[choices]
        if batch.shape != place.shape:
            raise ValueError(f"batch: recorded for {tuple(place.shape)}, not for {tuple(batch.shape)}")
        place.copy_(batch)
        graph.replay()
        return result

    def _taken(self, batch: Tensor, choices: tuple[bool, ...]) -> Tensor:
        """As it is, on a stream beside the default one, as recordings are."""
        beside, now = torch.cuda.Stream(batch.device), torch.cuda.current_stream(batch.device)
        beside.wait_stream(now)
        with torch.cuda.stream(beside):
            result = self._function(batch, *choices)
        now.wait_stream(beside)
        return result

    def _record(self, place: Tensor, choices: tuple[bool, ...]) -> None:
        """place: where the batch of each replay will lie."""
        gc.collect()  # a recording that nobody holds any more, if it ended during this one, would end it too
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            result = self._function(place, *choices)
        self._recordings[choices] = graph, place, result

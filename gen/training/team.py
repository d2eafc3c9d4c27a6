"""The processes that train one model together, each on its share of every batch: data parallelism, kept simple.

All draw the same random numbers for the whole batch and take their own rows of it; gradients are averaged before each
step. So every process holds the same weights all the time, and the outcome is that of one process up to the order of
sums (Goyal et al. 2017, arXiv:1706.02677, section 2.3, has the arithmetic).
"""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn

from gen.errors import ConfigError


@dataclass(frozen=True)
class Team:
    """This process among all: its rank (0 leads) of size, its device, and whether it computes in bfloat16 where it may.

    With size 1 nothing is ever sent. With more, torch.distributed's default group is the team.
    """

    rank: int = 0
    size: int = 1
    device: str = "cpu"
    mixed: bool = False

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes files and speaks."""
        return self.rank == 0

    @property
    def on_gpu(self) -> bool:
        """Whether the device is one of CUDA's."""
        return self.device.startswith("cuda")

    def described(self) -> str:
        """The device, and how many processes: what the last bits of an outcome depend on."""
        device = "CPU" if self.device == "cpu" else torch.cuda.get_device_name(self.device)
        return device if self.size == 1 else f"{self.size} x {device}"

    def check_batch(self, name: str, batch: int) -> None:
        """Raise ConfigError naming the setting if a batch cannot be shared out evenly."""
        if batch % self.size:
            raise ConfigError(f"{name}: {batch} cannot be shared by {self.size} processes; take a multiple of them")

    def mine(self, batch: Tensor) -> Tensor:
        """This process's rows of what all processes have alike: (B, ...) to (B / size, ...), on its device."""
        share = len(batch) // self.size
        return batch[self.rank * share : (self.rank + 1) * share].to(self.device)

    def average(self, parameters: Iterable[nn.Parameter]) -> None:
        """Make every gradient the mean over the team."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        together = torch.cat([gradient.reshape(-1) for gradient in gradients])
        distributed.all_reduce(together)
        together /= self.size
        for gradient, mean in zip(gradients, together.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def mean(self, value: Tensor) -> Tensor:
        """The mean over the team of a loss that is only looked at."""
        if self.size == 1:
            return value.detach()
        shared = value.detach().clone()
        distributed.all_reduce(shared)
        return shared / self.size

    def whole(self, share: Tensor) -> Tensor:
        """The rows of all processes, in their order, from each one's own (B, ...): (B * size, ...), with gradients."""
        return share if self.size == 1 else _Gather.apply(share, self)

    def agree(self, value: float | None) -> float:
        """What the leader has found; NaN where that is None."""
        found = float("nan") if value is None else value
        if self.size == 1:
            return found
        shared = torch.tensor(found, dtype=torch.float64, device=self.device)
        distributed.broadcast(shared, 0)
        return shared.item()

    def wait(self) -> None:
        """Until all are here."""
        if self.size > 1:
            distributed.barrier()

    @contextlib.contextmanager
    def precision(self) -> Iterator[None]:
        """Networks that run inside multiply in bfloat16 if `mixed`; weights and losses stay float32."""
        with torch.autocast(self.device.split(":")[0], torch.bfloat16) if self.mixed else contextlib.nullcontext():
            yield


ALONE = Team()


class _Gather(torch.autograd.Function):
    """All rows on the way there; on the way back the sum of what all processes ask of one's own."""

    @staticmethod
    def forward(context: Any, share: Tensor, team: Team) -> Tensor:
        context.team = team
        parts = [torch.empty_like(share) for _ in range(team.size)]
        distributed.all_gather(parts, share.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, *asked: Tensor) -> tuple[Tensor, None]:
        whole = asked[0].contiguous().clone()
        distributed.all_reduce(whole)
        return whole.chunk(context.team.size)[context.team.rank], None

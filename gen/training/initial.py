"""First values of the weights, from a generator of random numbers that nobody else draws from."""

import math

import torch
from torch import nn

_NORMS = (nn.LayerNorm, nn.GroupNorm, nn.BatchNorm1d, nn.BatchNorm2d)


@torch.no_grad()
def initialise(model: nn.Module, random: torch.Generator) -> None:
    """Give every parameter its first value, in the order of their names.

    Matrices and kernels are uniform within 1 / sqrt(inputs) (as torch does by itself, but from `random`), biases 0,
    gains of norms 1; parameters that are alone (scalars) or learn no more keep what they have.
    """
    for module in model.modules():
        for name, parameter in sorted(module._parameters.items()):
            if parameter is None or parameter.dim() == 0 or not parameter.requires_grad:
                continue
            if parameter.dim() == 1:
                parameter.fill_(1.0 if isinstance(module, _NORMS) and name == "weight" else 0.0)
                continue
            inputs = parameter[0].numel() if name != "original0" else None
            if inputs is not None:
                bound = 1 / math.sqrt(inputs)
                parameter.uniform_(-bound, bound, generator=random)
    for module in model.modules():
        # Weight norm: the lengths follow from the directions.
        if isinstance(module, nn.utils.parametrize.ParametrizationList) and hasattr(module, "original0"):
            lengths, direction = module.get_parameter("original0"), module.get_parameter("original1")
            lengths.copy_(direction.flatten(1).norm(dim=1).reshape(lengths.shape))

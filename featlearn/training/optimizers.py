"""Optimisers from their specs, and their state as plain tensors."""

from collections.abc import Iterable
from typing import Any, assert_never

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

from featlearn.config.training import (
    AdaGradSpec,
    AdamSpec,
    AdamWSpec,
    OptimizerSpec,
    RMSpropSpec,
    SGDSpec,
)

Group = dict[str, Any]


def weight_groups(module: nn.Module, *, scale: float = 1.0) -> list[Group]:
    """Split parameters into those that decay and those that do not.

    Biases and the scales of normalisation do not: they are no weights of a
    linear map, and decaying them only shifts what the units answer to.

    Args:
        module: Whose trainable parameters to take.
        scale: Multiplies the learning rate of these parameters.
    """
    named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    weights = [p for name, p in named if _decays(name, p)]
    rest = [p for name, p in named if not _decays(name, p)]
    groups: list[Group] = [{"params": weights, "scale": scale}] if weights else []
    if rest:
        groups.append({"params": rest, "scale": scale, "weight_decay": 0.0})
    return groups


def _decays(name: str, parameter: Tensor) -> bool:
    """Tell weights of a linear map from everything else."""
    return not name.endswith("bias") and parameter.ndim > 1


def build_optimizer(spec: OptimizerSpec, groups: Iterable[Group]) -> Optimizer:
    """Build the optimiser that a recipe asks for.

    Fused where PyTorch can: one pass over memory for a step instead of one for each
    operation, which is most of a step's time where every position has its own weights.
    """
    lr, decay = spec.lr, spec.weight_decay
    params = list(groups)
    match spec:
        case SGDSpec(momentum=momentum, nesterov=nesterov):
            return SGD(params, lr, momentum, weight_decay=decay, nesterov=nesterov, fused=True)
        case AdaGradSpec(eps=eps):
            return Adagrad(params, lr, weight_decay=decay, eps=eps, fused=True)
        case RMSpropSpec(alpha=alpha, momentum=momentum, eps=eps):
            return RMSprop(params, lr, alpha, eps, weight_decay=decay, momentum=momentum)
        case AdamSpec(betas=betas, eps=eps):
            return Adam(params, lr, betas, eps, weight_decay=decay, fused=True)
        case AdamWSpec(betas=betas, eps=eps):
            return AdamW(params, lr, betas, eps, weight_decay=decay, fused=True)
        case _:
            assert_never(spec)


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """Flatten the optimiser's state: `{place}.{entry}` for every parameter.

    Every entry of the optimisers above is a tensor or `None`.
    """
    state = optimizer.state_dict()["state"]
    return {
        f"{place}.{entry}": value
        for place, entries in state.items()
        for entry, value in entries.items()
        if isinstance(value, Tensor)
    }


def restore_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` took out.

    A fused step goes through the memory of a parameter and of its state side by side, so both
    are laid out alike.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        place, entry = name.split(".", 1)
        parameter = parameters[int(place)]
        like = parameter if tensor.shape == parameter.shape else tensor
        kept = torch.empty_like(like, dtype=tensor.dtype, device=tensor.device).copy_(tensor)
        state.setdefault(int(place), {})[entry] = kept
    groups = optimizer.state_dict()["param_groups"]
    with torch.no_grad():
        optimizer.load_state_dict({"state": state, "param_groups": groups})

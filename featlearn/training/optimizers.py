"""Optimisers from their specs, and their state as plain tensors."""

import functools
from collections.abc import Iterable, Iterator
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
from featlearn.errors import UsageError
from featlearn.ops import sgd
from featlearn.ops.casts import Taker

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


class Updates:
    """Steps of an optimiser: after the gradients are all there, or each as soon as it is.

    Updating in the backward pass, a parameter's gradient is freed before the next one is
    computed. Either way gives a state that the other goes on from, and the same bytes;
    on a CUDA device, where rounded gradients are taken as they are, the same up to rounding.

    Attributes:
        parameters: All that is changed.
        groups: The optimiser's groups, whose `lr` may be set between steps.
    """

    def __init__(
        self, spec: OptimizerSpec, groups: Iterable[Group], *, in_backward: bool = False
    ) -> None:
        """Build the optimiser, or one for each parameter."""
        groups = list(groups)
        self.in_backward = in_backward
        self.parameters: list[Tensor] = [p for group in groups for p in group["params"]]
        alone = [{**group, "params": [p]} for group in groups for p in group["params"]]
        parts = [[group] for group in alone] if in_backward else [groups]
        self._optimizers = [build_optimizer(spec, part) for part in parts]
        self._alone: dict[Tensor, Optimizer] = {}
        if in_backward:
            self._alone = dict(zip(self.parameters, self._optimizers, strict=True))
        self._moved: set[Tensor] = set()

    @property
    def groups(self) -> Iterator[Group]:
        """Go through the optimiser's groups."""
        return (group for optimizer in self._optimizers for group in optimizer.param_groups)

    def backward(self, loss: Tensor) -> None:
        """Compute the gradients, and where that is wanted take the step too."""
        for optimizer in self._optimizers:
            optimizer.zero_grad()
        self._moved.clear()
        hooks = [p.register_post_accumulate_grad_hook(self._update) for p in self._alone]
        try:
            loss.backward()
        finally:
            for hook in hooks:
                hook.remove()

    def taker(self, parameter: Tensor) -> Taker | None:
        """Give who takes the step of a parameter by its rounded gradient, where that is faster.

        That is in the backward pass, by plain gradient descent on a CUDA device: one pass over
        memory, in which the gradient is never there in single precision.
        """
        if not isinstance(self._alone.get(parameter), SGD) or not sgd.usable(parameter):
            return None
        return functools.partial(self._descend, parameter)

    def step(self) -> None:
        """Take the step, unless the backward pass took it."""
        if not self.in_backward:
            self._optimizers[0].step()

    def tensors(self) -> dict[str, Tensor]:
        """Flatten the optimiser's state: `{place}.{entry}` for every parameter.

        Every entry of the optimisers above is a tensor or `None`.
        """
        return {
            f"{place}.{entry}": value
            for place, entries in enumerate(self._states())
            for entry, value in entries.items()
            if isinstance(value, Tensor)
        }

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `tensors` took out.

        A fused step goes through the memory of a parameter and of its state side by side, so
        both are laid out alike.
        """
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            place, entry = name.split(".", 1)
            parameter = self.parameters[int(place)]
            like = parameter if tensor.shape == parameter.shape else tensor
            kept = torch.empty_like(like, dtype=tensor.dtype, device=tensor.device).copy_(tensor)
            state.setdefault(int(place), {})[entry] = kept
        places = iter(range(len(self.parameters)))
        for optimizer in self._optimizers:
            own = [next(places) for group in optimizer.param_groups for _ in group["params"]]
            groups = optimizer.state_dict()["param_groups"]
            mine = {i: state[place] for i, place in enumerate(own) if place in state}
            with torch.no_grad():
                optimizer.load_state_dict({"state": mine, "param_groups": groups})

    def _descend(self, parameter: Tensor, gradient: Tensor) -> None:
        """Take the one step of a parameter by a gradient in lower precision."""
        optimizer = self._move(parameter)
        (group,) = optimizer.param_groups
        state = optimizer.state[parameter]
        velocity: Tensor | None = state.get("momentum_buffer")
        first = velocity is None
        if first and group["momentum"]:
            velocity = state["momentum_buffer"] = torch.empty_like(parameter)
        descent = sgd.Descent(
            group["lr"], group["momentum"], group["weight_decay"], group["nesterov"]
        )
        sgd.descend_(parameter.detach(), gradient, velocity, descent, first=first)

    def _update(self, parameter: Tensor) -> None:
        """Take the one step of a parameter, and free its gradient."""
        optimizer = self._move(parameter)
        optimizer.step()
        optimizer.zero_grad()

    def _move(self, parameter: Tensor) -> Optimizer:
        """Give the optimiser of a parameter, which takes one step in a backward pass."""
        if parameter in self._moved:
            raise UsageError(
                "some weights are used in two precisions at once, so that no single gradient "
                'moves them; train with pretrain.update = "step"'
            )
        self._moved.add(parameter)
        return self._alone[parameter]

    def _states(self) -> Iterator[dict[str, Any]]:
        """Give the state of every parameter, in their order."""
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                yield from (optimizer.state.get(p, {}) for p in group["params"])

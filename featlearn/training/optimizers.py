"""Optimisers from their specs, and their state as plain tensors."""

import functools
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, assert_never

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
from featlearn.ops.gradient_sums import GradientSums

Group = dict[str, Any]


def weight_groups(
    module: nn.Module, *, scale: float = 1.0, without: Collection[Tensor] = ()
) -> list[Group]:
    """Split parameters into those that decay and those that do not.

    Biases and the scales of normalisation do not: they are no weights of a
    linear map, and decaying them only shifts what the units answer to.

    Args:
        module: Whose trainable parameters to take.
        scale: Multiplies the learning rate of these parameters.
        without: Parameters that something else moves.
    """
    kept = {id(parameter) for parameter in without}
    named = [
        (name, p) for name, p in module.named_parameters() if p.requires_grad and id(p) not in kept
    ]
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


class _Lying(NamedTuple):
    """A parameter in the order in which it lies in memory, as a fused step goes through it.

    Attributes:
        tensor: The same memory, with its axes in that order, and so contiguous unless there
            are gaps.
        order: Which of the parameter's axes each of its axes is.
    """

    tensor: Tensor
    order: tuple[int, ...]

    @staticmethod
    def of(parameter: Tensor) -> "_Lying":
        """Find the order, outermost first."""
        strides = parameter.stride()
        order = tuple(sorted(range(parameter.ndim), key=lambda axis: -strides[axis]))
        return _Lying(parameter.detach().permute(order), order)

    def seen(self, x: Tensor) -> Tensor:
        """Give what has the parameter's axes the order of its memory."""
        return x.permute(self.order)

    def back(self, x: Tensor) -> Tensor:
        """Give what has the order of the memory the parameter's axes."""
        return x.permute(sorted(range(x.ndim), key=self.order.__getitem__))


class Updates:
    """Steps of an optimiser: after the gradients are all there, or each as soon as it is.

    Where there is nothing to move, or no gradient, as with objectives that move their weights by
    themselves, a step does nothing.

    Updating in the backward pass, a parameter's gradient is freed before the next one is
    computed. Either way gives a state that the other goes on from, and the same bytes;
    on a CUDA device, where rounded gradients are taken as they are, the same up to rounding.
    An optimiser sees a parameter in the order in which it lies in memory: of any other order
    a fused step copies the gradient.

    Attributes:
        parameters: All that is changed.
        sums: Sums the gradients of the uses that are noted by it before a backward pass.
        groups: The optimiser's groups, whose `lr` may be set between steps.
    """

    def __init__(
        self, spec: OptimizerSpec, groups: Iterable[Group], *, in_backward: bool = False
    ) -> None:
        """Build the optimiser, or one for each parameter."""
        groups = list(groups)
        self.in_backward = in_backward
        self.parameters: list[Tensor] = [p for group in groups for p in group["params"]]
        self._lying = {p: _Lying.of(p) for p in self.parameters}
        seen = [{**g, "params": [self._lying[p].tensor for p in g["params"]]} for g in groups]
        alone = [{**group, "params": [p]} for group in seen for p in group["params"]]
        parts = [[group] for group in alone] if in_backward or not seen else [seen]
        self._optimizers = [build_optimizer(spec, part) for part in parts]
        self._alone: dict[Tensor, Optimizer] = {}
        if in_backward:
            self._alone = dict(zip(self.parameters, self._optimizers, strict=True))
        self._moved: set[Tensor] = set()
        self.sums = GradientSums()

    @property
    def groups(self) -> Iterator[Group]:
        """Go through the optimiser's groups."""
        return (group for optimizer in self._optimizers for group in optimizer.param_groups)

    def backward(self, loss: Tensor) -> None:
        """Compute the gradients, and where that is wanted take the step too."""
        self._free(self.parameters)
        self._moved.clear()
        if not loss.requires_grad:
            return
        hooks = [p.register_post_accumulate_grad_hook(self._update) for p in self._alone]
        try:
            with self.sums.summed():
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
        if not self.in_backward and self._optimizers:
            self._hand_over(self.parameters)
            self._optimizers[0].step()

    def forget(self, drawn: Mapping[Tensor, Tensor]) -> None:
        """Set to 0 what is known of numbers that were drawn anew, such as their momentum.

        Args:
            drawn: By the parameter, which of its numbers, of its shape.
        """
        for parameter, where in drawn.items():
            own = self._lying[parameter]
            for optimizer in self._optimizers:
                for value in optimizer.state.get(own.tensor, {}).values():
                    if isinstance(value, Tensor) and value.shape == own.tensor.shape:
                        own.back(value).masked_fill_(where, 0)

    def tensors(self) -> dict[str, Tensor]:
        """Flatten the optimiser's state: `{place}.{entry}` for every parameter.

        Every entry of the optimisers above is a tensor or `None`.
        """
        lying = self._lying.values()
        return {
            f"{place}.{entry}": own.back(value) if value.shape == own.tensor.shape else value
            for place, (own, entries) in enumerate(zip(lying, self._states(), strict=True))
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
            shaped = tensor.shape == parameter.shape
            seen = self._lying[parameter].seen(tensor) if shaped else tensor
            kept = torch.empty_like(seen, memory_format=torch.contiguous_format).copy_(seen)
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
        optimizer, lying = self._move(parameter), self._lying_now(parameter)
        (group,) = optimizer.param_groups
        state = optimizer.state[lying.tensor]
        velocity: Tensor | None = state.get("momentum_buffer")
        first = velocity is None
        if first and group["momentum"]:
            velocity = state["momentum_buffer"] = torch.empty_like(lying.tensor)
        descent = sgd.Descent(
            group["lr"], group["momentum"], group["weight_decay"], group["nesterov"]
        )
        sgd.descend_(lying.tensor, lying.seen(gradient), velocity, descent, first=first)

    def _update(self, parameter: Tensor) -> None:
        """Take the one step of a parameter, and free its gradient."""
        optimizer = self._move(parameter)
        self._hand_over([parameter])
        optimizer.step()
        self._free([parameter])

    def _hand_over(self, parameters: Iterable[Tensor]) -> None:
        """Let the optimisers see the gradients of parameters."""
        for parameter in parameters:
            own, gradient = self._lying_now(parameter), parameter.grad
            own.tensor.grad = None if gradient is None else own.seen(gradient).contiguous()

    def _lying_now(self, parameter: Tensor) -> _Lying:
        """Give a parameter as it lies, also where a constraint put other memory in its place."""
        own = self._lying[parameter]
        if own.tensor.data_ptr() != parameter.data_ptr():
            own.tensor.data = own.seen(parameter.detach()).contiguous()
            parameter.data = own.back(own.tensor)
        return own

    def _free(self, parameters: Iterable[Tensor]) -> None:
        """Let go of the gradients of parameters."""
        for parameter in parameters:
            parameter.grad = self._lying[parameter].tensor.grad = None

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

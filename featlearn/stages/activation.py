"""The activation that a recipe asks for, applied; with numbers of its own where it learns some."""

import math

import torch
from torch import Tensor, nn

from featlearn.config.pieces import (
    Activation,
    EluSpec,
    LeakyReluSpec,
    ScaledTanhSpec,
    ShrinkageSpec,
    SoftThresholdSpec,
    StageActivation,
)
from featlearn.ops.activations import activate
from featlearn.ops.sparse_codes import smooth_shrinkage


class ScaledTanh(nn.Module):
    """g · tanh(x), each map with its own gain, which is learned.

    Args:
        maps: How many.
        gain: Of all of them, at first.

    Attributes:
        gain: g, `(maps,)`.

    Source:
        Kavukcuoglu, Ranzato & LeCun, Fast inference in sparse coding algorithms, 2008,
        equation 3.
    """

    def __init__(self, maps: int, *, gain: float) -> None:
        """Start with the same gain everywhere."""
        super().__init__()
        self.gain = nn.Parameter(torch.full((maps,), gain))

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to responses, `(batch, maps, height, width)`."""
        return self.gain[:, None, None] * torch.tanh(x)

    def extra_repr(self) -> str:
        """Say how many maps."""
        return f"{len(self.gain)} maps"


class Shrinkage(nn.Module):
    """A smooth soft threshold, each map with its own threshold and sharpness, which are learned.

    Args:
        maps: How many.
        threshold: Of all of them, at first.
        sharpness: Of all of them, at first.

    Attributes:
        threshold: b, `(maps,)`, in the unit of the responses.
        log_sharpness: Natural logarithm of β, `(maps,)`, which so stays above 0.

    Source:
        Kavukcuoglu et al., Learning convolutional feature hierarchies, NIPS 2010, section 2.3.
    """

    def __init__(self, maps: int, *, threshold: float, sharpness: float) -> None:
        """Start with the same numbers everywhere."""
        super().__init__()
        self.threshold = nn.Parameter(torch.full((maps,), threshold))
        self.log_sharpness = nn.Parameter(torch.full((maps,), math.log(sharpness)))

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to responses, `(batch, maps, height, width)`."""
        threshold, sharpness = self.threshold[:, None, None], self.log_sharpness.exp()
        return smooth_shrinkage(x, threshold=threshold, sharpness=sharpness[:, None, None])

    def extra_repr(self) -> str:
        """Say how many maps."""
        return f"{len(self.threshold)} maps"


LearnedActivation = ScaledTanh | Shrinkage


def build_activation(spec: StageActivation, maps: int) -> LearnedActivation | None:
    """Build what an activation learns, for so many maps; `None` where it learns nothing."""
    match spec:
        case ScaledTanhSpec():
            return ScaledTanh(maps, gain=spec.gain)
        case ShrinkageSpec():
            return Shrinkage(maps, threshold=spec.threshold, sharpness=spec.sharpness)
        case _:
            return None


def activated(
    responses: Tensor,
    spec: Activation | ScaledTanhSpec | ShrinkageSpec,
    learned: LearnedActivation | None = None,
) -> Tensor:
    """Apply an activation of a recipe to responses of any shape, by what it learned, if it did."""
    match spec:
        case LeakyReluSpec():
            return activate(responses, "leaky-relu", slope=spec.slope)
        case EluSpec():
            return activate(responses, "elu", alpha=spec.alpha)
        case SoftThresholdSpec():
            return activate(
                responses,
                "soft-threshold",
                threshold=spec.threshold,
                one_sided=spec.one_sided,
            )
        case ScaledTanhSpec() | ShrinkageSpec():
            assert learned is not None
            return learned(responses)
        case _:
            return activate(responses, spec)

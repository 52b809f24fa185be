"""The activation that a recipe asks for, applied; with numbers of its own where it learns some."""

import math

import torch
from torch import Tensor, nn

from featlearn.config.pieces import (
    Activation,
    BankActivation,
    BatchTopKSpec,
    EluSpec,
    InferenceSpec,
    LeakyReluSpec,
    ScaledTanhSpec,
    ShrinkageSpec,
    SoftThresholdSpec,
    StageActivation,
    TopKSpec,
)
from featlearn.ops.activations import activate, steepness
from featlearn.ops.sparse_codes import smooth_shrinkage
from featlearn.ops.top_k import above, batch_top_k, top_k
from featlearn.stages.clusters import ClusterCodes
from featlearn.stages.inference import InferredCodes


def activated(responses: Tensor, spec: Activation) -> Tensor:
    """Apply an activation of a recipe to responses of any shape."""
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
        case _:
            return activate(responses, spec)


def steep(code: Tensor, spec: BankActivation) -> Tensor:
    """Give |φ'| of an activation of a recipe from what it gave, of any shape."""
    match spec:
        case LeakyReluSpec():
            return steepness(code, "leaky-relu", slope=spec.slope)
        case EluSpec():
            return steepness(code, "elu", alpha=spec.alpha)
        case SoftThresholdSpec():
            return steepness(code, "soft-threshold")
        case TopKSpec() | BatchTopKSpec():
            return steepness(code, "relu")  # of those that are kept, as they are
        case _:
            return steepness(code, spec)


class PlainActivation(nn.Module):
    """An activation that measures nothing.

    Args:
        spec: Which activation.
    """

    spec: Activation | TopKSpec

    def __init__(self, spec: Activation | TopKSpec) -> None:
        """Take the activation."""
        super().__init__()
        self.spec = spec

    def forward(self, responses: Tensor) -> Tensor:
        """Apply it to responses, `(batch, maps, height, width)`."""
        if isinstance(self.spec, TopKSpec):
            return top_k(responses, k=self.spec.k)
        return activated(responses, self.spec)


class BatchTopK(nn.Module):
    """Keep the largest numbers of a batch in training, and what reaches a threshold in use.

    The threshold is measured as batch normalisation measures: a running mean of the least
    positive number that was kept of a batch, the plain mean of the first batches.

    Args:
        k: How many maps are kept at a position on average.
        momentum: Weight of a batch in the running mean; `None` for the plain mean of all.

    Attributes:
        threshold: What a number must reach, in the unit of the responses; 0 before anything
            was measured, when all that is positive is kept.
        batches: How many batches it was measured on.
        track_running_stats: Whether batches in training change it.
    """

    threshold: Tensor
    batches: Tensor

    def __init__(self, k: int, *, momentum: float | None = 0.01) -> None:
        """Begin with nothing measured."""
        super().__init__()
        self.k = k
        self.momentum = momentum
        self.track_running_stats = True
        self.register_buffer("threshold", torch.zeros(()))
        self.register_buffer("batches", torch.zeros((), dtype=torch.long))

    def reset_running_stats(self) -> None:
        """Forget what was measured."""
        self.threshold.zero_()
        self.batches.zero_()

    def forward(self, responses: Tensor) -> Tensor:
        """Apply it to responses, `(batch, maps, height, width)`."""
        if not self.training:
            return above(responses, self.threshold.to(responses.dtype))
        codes, least = batch_top_k(responses, k=self.k)
        if self.track_running_stats and len(responses):
            self._measure(least)
        return codes

    @torch.no_grad()
    def _measure(self, least: Tensor) -> None:
        """Take a batch into the mean."""
        self.batches.add_(1)
        weight = 1 / self.batches.to(self.threshold.dtype)
        if self.momentum is not None:
            weight = weight.clamp_min(self.momentum)
        self.threshold.lerp_(least.to(self.threshold.dtype), weight)

    def extra_repr(self) -> str:
        """Write the arguments back."""
        return f"{self.k}, momentum={self.momentum}"


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


BuiltActivation = (
    PlainActivation | BatchTopK | ScaledTanh | Shrinkage | ClusterCodes | InferredCodes
)
"""What makes the code of a stage."""


def build_activation(spec: StageActivation, maps: int) -> BuiltActivation:
    """Build what makes the code of a stage of so many maps."""
    match spec:
        case BatchTopKSpec():
            return BatchTopK(spec.k, momentum=spec.momentum)
        case ScaledTanhSpec():
            return ScaledTanh(maps, gain=spec.gain)
        case ShrinkageSpec():
            return Shrinkage(maps, threshold=spec.threshold, sharpness=spec.sharpness)
        case InferenceSpec():
            return InferredCodes(spec)
        case "triangle" | "hard":
            return ClusterCodes(spec)
        case _:
            return PlainActivation(spec)

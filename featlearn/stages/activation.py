"""The activation that a recipe asks for, applied."""

from torch import Tensor

from featlearn.config.pieces import Activation, EluSpec, LeakyReluSpec, SoftThresholdSpec
from featlearn.ops.activations import activate, steepness


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


def steep(code: Tensor, spec: Activation) -> Tensor:
    """Give |φ'| of an activation of a recipe from what it gave, of any shape."""
    match spec:
        case LeakyReluSpec():
            return steepness(code, "leaky-relu", slope=spec.slope)
        case EluSpec():
            return steepness(code, "elu", alpha=spec.alpha)
        case SoftThresholdSpec():
            return steepness(code, "soft-threshold")
        case _:
            return steepness(code, spec)

"""The error of a stage's reconstruction, which every auto-encoder has."""

from torch import Tensor

from featlearn.config.autoencoding import AutoEncoderSpec
from featlearn.ops.losses import cross_entropy, squared_error
from featlearn.stages.stage import Stage


def reconstruction_error(
    spec: AutoEncoderSpec,
    stage: Stage,
    code: Tensor,
    *,
    target: Tensor,
    weight: Tensor | None = None,
) -> Tensor:
    """Sum the error of the reconstruction over the inputs, and average it over the batch.

    Args:
        spec: The kind of error, and whether it is averaged over positions too.
        stage: Whose decoder rebuilds.
        code: What it rebuilds from, as `stage.code` gives it.
        target: What it should be, `(batch, maps, height, width)`.
        weight: Weights of the single errors, of the shape of `target`, or none.

    Returns:
        A scalar, in squared units of `target` or in nats.
    """
    rebuilt = stage.decode(code, size=(target.shape[-2], target.shape[-1]))
    return mean_error(spec, rebuilt, target=target, weight=weight)


def mean_error(
    spec: AutoEncoderSpec, rebuilt: Tensor, *, target: Tensor, weight: Tensor | None = None
) -> Tensor:
    """Sum the error of what was rebuilt, however it was; see `reconstruction_error`."""
    error = squared_error if spec.reconstruction == "squared" else cross_entropy
    loss = error(rebuilt, target, weight=weight).mean()
    if spec.average_positions:
        loss = loss / (target.shape[-2] * target.shape[-1])
    return loss

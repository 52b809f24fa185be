"""Terms of the objectives: summed over features, one number per sample.

What is summed is accumulated in at least single precision, also under autocast.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from featlearn.errors import ShapeError
from featlearn.ops.transforms import transformed


def squared_error(prediction: Tensor, target: Tensor, *, weight: Tensor | None = None) -> Tensor:
    """Sum the squared differences of each sample.

    Args:
        prediction: Reconstructions, `(batch, ...)`.
        target: What they should be, of the same shape.
        weight: Weights of the single errors, broadcast to that shape, or none.

    Returns:
        `(batch,)`, in squared units of `target`.

    Raises:
        ShapeError: If the shapes differ.
    """
    _check_alike(prediction, target, operation="squared_error")
    differences = prediction - target
    if weight is None and not transformed():
        return _SumOfSquares.apply(differences)
    squares = differences.square()
    return _sum_features(squares if weight is None else squares * weight)


def cross_entropy(logits: Tensor, target: Tensor, *, weight: Tensor | None = None) -> Tensor:
    """Sum the binary cross-entropies of each sample, from logits.

    -target * log(p) - (1 - target) * log(1 - p) with p = sigmoid(logits), finite for
    every finite logit.

    Args:
        logits: Log-odds of the reconstructions, `(batch, ...)`.
        target: What they should be, in [0, 1], of the same shape.
        weight: Weights of the single errors, broadcast to that shape, or none.

    Returns:
        `(batch,)`, in nats.

    Raises:
        ShapeError: If the shapes differ.
    """
    _check_alike(logits, target, operation="cross_entropy")
    errors = F.binary_cross_entropy_with_logits(logits, target.to(logits.dtype), reduction="none")
    return _sum_features(errors if weight is None else errors * weight)


def l1(h: Tensor) -> Tensor:
    """Sum the absolute values of each sample's code, `(batch, ...)` to `(batch,)`."""
    return _sum_features(h.abs()) if transformed() else _SumOfSizes.apply(h)


def root_l1(h: Tensor, *, eps: float) -> Tensor:
    """Sum √(eps + h²) over each sample's code, `(batch, ...)` to `(batch,)`.

    It is the absolute value, smooth at zero; `eps` is in squared units of `h`.

    Source:
        Le et al., NIPS 2011, section 2.
    """
    return _sum_features((h.square() + eps).sqrt())


def log_cosh(h: Tensor) -> Tensor:
    """Sum log cosh h over each sample's code, `(batch, ...)` to `(batch,)`.

    |h| + log(1 + exp(-2|h|)) - log 2, finite for every finite code.

    Source:
        Hyvärinen, IEEE Trans. Neural Networks 1999; Le et al., NIPS 2011.
    """
    size = h.abs()
    return _sum_features(size + F.softplus(-2 * size) - math.log(2))


def jacobian_norm(slopes: Tensor, rows: Tensor) -> Tensor:
    """Give ‖∂h/∂x‖²_F of codes h = φ(Wx + b): Σ_j φ'(a_j)² ‖w_j‖².

    Every unit has one row of the Jacobian, its filter times its slope, and rows do not overlap
    whatever the filters do.

    Args:
        slopes: |φ'(a_j)| of every unit, `(batch, maps, height, width)`.
        rows: ‖w_j‖² over what the unit sees, broadcast to that shape.

    Returns:
        `(batch,)`, in squared units of the code over squared units of the input.

    Source:
        Rifai et al., ICML 2011, equation 7.
    """
    return _sum_features(slopes.square() * rows)


def kl_sparsity(h: Tensor, *, target: float, shared: bool) -> Tensor:
    """Sum over units KL(target || mean activity), both taken as Bernoulli probabilities.

    The mean activity is drawn in from 0 and 1 by one part in a million, so that value and
    gradient are finite for a unit that is never, or always, on.

    Args:
        h: Codes in [0, 1], `(batch, maps, height, width)`.
        target: Wanted mean activity, in (0, 1).
        shared: Whether the units of a map share their weights: their activity is then the
            mean over batch and positions, counted once per position. Otherwise every unit
            has its own mean, over the batch.

    Returns:
        A scalar in nats; 0 for an empty batch.

    Raises:
        ShapeError: If `h` is not 4-D.
        ValueError: If `target` lies outside (0, 1).

    Source:
        Ng, CS294A lecture notes, Sparse autoencoder.
    """
    if h.ndim != 4:
        raise ShapeError(
            f"kl_sparsity needs codes (batch, maps, height, width); got {tuple(h.shape)}"
        )
    if not 0 < target < 1:
        raise ValueError(f"kl_sparsity needs a target in (0, 1); got {target}")
    if h.shape[0] == 0:
        return h.sum()
    positions = h.shape[2] * h.shape[3]
    activity = h.mean(dim=(0, 2, 3) if shared else 0, dtype=_wide(h))
    activity = 1e-6 + (1 - 2e-6) * activity
    divergence = target * torch.log(target / activity) + (1 - target) * torch.log(
        (1 - target) / (1 - activity)
    )
    return divergence.sum() * (positions if shared else 1)


class _SumOfSquares(torch.autograd.Function):
    """Sum squares over features.

    The derivative of torch's own sum lies with the batch outermost, whatever was summed, and
    is copied by whoever wants it as it was.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        """Sum the squares of each sample."""
        return _sum_features(x.square())

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        """Keep what was summed."""
        del output
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Give twice the numbers, by the slope of their sample."""
        (x,) = ctx.saved_tensors
        return x * _beside(2 * slope, x)


class _SumOfSizes(_SumOfSquares):
    """Sum absolute values over features."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        """Sum the absolute values of each sample."""
        return _sum_features(x.abs())

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Give the signs of the numbers, by the slope of their sample."""
        (x,) = ctx.saved_tensors
        return x.sgn() * _beside(slope, x)


def _sum_features(values: Tensor) -> Tensor:
    if values.ndim == 1:
        return values.to(_wide(values))
    # Not flattened first: that would copy what does not lie with the batch outermost.
    return values.sum(dim=list(range(1, values.ndim)), dtype=_wide(values))


def _beside(slope: Tensor, x: Tensor) -> Tensor:
    """Lay a number for each sample beside all numbers of the sample, in their precision."""
    return slope.to(x.dtype).view(-1, *[1] * (x.ndim - 1))


def _wide(x: Tensor) -> torch.dtype:
    """Give the precision to accumulate in: single, or that of `x` if it is wider."""
    return torch.promote_types(x.dtype, torch.float32)


def _check_alike(prediction: Tensor, target: Tensor, *, operation: str) -> None:
    if prediction.shape != target.shape:
        raise ShapeError(
            f"{operation} needs a prediction and a target of one shape; "
            f"got {tuple(prediction.shape)} and {tuple(target.shape)}"
        )

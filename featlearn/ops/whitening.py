"""Principal axes of a sample, and the matrices that whiten along them.

Everything is computed, and returned, in double precision on the CPU: it is done once, and
small variances are what whitening magnifies.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from featlearn.errors import ShapeError
from featlearn.ops.moments import moments

_AT_ONCE = 1024  # samples held together in double precision


class PrincipalAxes(NamedTuple):
    """Where a sample lies and how it spreads, in double precision."""

    mean: Tensor
    """Mean of the sample, `(d,)`."""

    axes: Tensor
    """Orthonormal axes as rows, `(d, d)`, the one of largest variance first."""

    variances: Tensor
    """Variance along each axis, `(d,)`, with the divisor n - 1, never negative."""


class Whitening(NamedTuple):
    """A linear map that whitens, and the one that undoes it, in double precision."""

    matrix: Tensor
    """Applied to a centred sample as `matrix @ x`, `(k, d)`."""

    inverse: Tensor
    """From white to centred samples, `(d, k)`."""


def principal_axes(x: Tensor) -> PrincipalAxes:
    """Find the principal axes of a sample.

    The sign of an axis is the one that makes its largest entry positive.

    Args:
        x: Sample, `(n, d)`, n >= 1.

    Returns:
        Mean, axes and variances.

    Raises:
        ShapeError: If `x` is not `(n, d)` with n >= 1 and d >= 1.
        DataError: If `x` holds a number that is not finite.
    """
    if x.ndim != 2 or x.numel() == 0:
        raise ShapeError(f"principal_axes needs a sample (n >= 1, d >= 1); got {tuple(x.shape)}")
    x = x.detach().cpu()
    mean = moments(x.split(_AT_ONCE), dims=(0,)).mean.squeeze(0)
    covariance = mean.new_zeros(len(mean), len(mean))
    for part in x.split(_AT_ONCE):
        centred = part - mean
        covariance += centred.T @ centred
    covariance /= max(len(x) - 1, 1)
    variances, columns = torch.linalg.eigh(covariance)
    axes = columns.T.flip(0)
    largest = axes.gather(1, axes.abs().argmax(dim=1, keepdim=True))
    signs = torch.where(largest < 0, -1.0, 1.0)
    return PrincipalAxes(mean, axes * signs, variances.flip(0).clamp_min(0.0))


def zca_matrix(principal: PrincipalAxes, *, eps: float) -> Whitening:
    """Whiten, and turn back to the axes of the sample.

    Args:
        principal: Axes of the sample, of `principal_axes`.
        eps: Added to each variance, in its unit, so that small ones are not blown up.

    Returns:
        Two symmetric matrices, `(d, d)`.

    Raises:
        ValueError: If `eps` is not above 0.

    Source:
        Bell & Sejnowski, Vision Research 1997; Krizhevsky, 2009, with eps.
    """
    deviations = _deviations(principal, eps)
    axes = principal.axes
    return Whitening(axes.T @ (axes / deviations), axes.T @ (axes * deviations))


def pca_matrix(principal: PrincipalAxes, *, keep: float, eps: float) -> Whitening:
    """Project on the first axes, and whiten.

    Args:
        principal: Axes of the sample, of `principal_axes`.
        keep: How many axes, an `int`; or, as a `float` in (0, 1], the least share of the
            variance that the kept ones must hold.
        eps: Added to each variance, in its unit.

    Returns:
        `(k, d)` and `(d, k)`.

    Raises:
        ShapeError: If more axes are asked for than there are.
        ValueError: If `eps` is not above 0.
    """
    count = _count(principal.variances, keep)
    deviations = _deviations(principal, eps)[:count]
    axes = principal.axes[:count]
    return Whitening(axes / deviations, (axes * deviations).T)


def _deviations(principal: PrincipalAxes, eps: float) -> Tensor:
    if not eps > 0:
        raise ValueError(f"whitening needs eps above 0; got {eps}")
    return (principal.variances + eps).sqrt()[:, None]


def _count(variances: Tensor, keep: float) -> int:
    """Turn `keep` into a number of axes, at least 1."""
    if isinstance(keep, int):
        if not 1 <= keep <= len(variances):
            raise ShapeError(f"cannot keep {keep} of {len(variances)} principal components")
        return keep
    cumulated = variances.cumsum(0)
    # A hair less than the share, so that 1.0 is reached in spite of rounding.
    wanted = keep * cumulated[-1] * (1 - 1e-12)
    return min(int((cumulated < wanted).sum()) + 1, len(variances))

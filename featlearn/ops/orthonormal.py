"""Rows that are orthonormal."""

import torch
from torch import Tensor

from featlearn.errors import ShapeError

_NEAR = 0.5  # of WWᵀ from I, in the Frobenius norm: below, the iteration converges quadratically
_STEPS = 6  # to squares of squares of that


def orthonormal_rows(W: Tensor) -> Tensor:
    """Give the nearest matrix whose rows are orthonormal: (WWᵀ)^(-1/2) W.

    Where rows are nearly orthonormal already, as they are after a step of descent, it is found
    by W ← (3 W − WWᵀW) / 2, and otherwise from the singular vectors.

    Args:
        W: Matrices, `(..., rows, columns)`, with no more rows than columns.

    Returns:
        A tensor of the same shape, in the precision of `W`. Of rows that depend on one
        another some orthonormal rows near them are given.

    Raises:
        ShapeError: If there are more rows than columns, or no matrix.

    Source:
        Hyvärinen, Hoyer & Inki, Neural Computation 2001, and Hyvärinen, IEEE Trans. Neural
        Networks 1999, equation 45 for the iteration.
    """
    if W.ndim < 2 or W.shape[-2] > W.shape[-1]:
        raise ShapeError(
            f"orthonormal_rows needs matrices of no more rows than columns; got {tuple(W.shape)}"
        )
    for _ in range(_STEPS):
        distance = _distance(W)
        if not distance < _NEAR:  # nor if it is no number
            left, _, right = torch.linalg.svd(W, full_matrices=False)
            return left @ right
        if distance < 4 * torch.finfo(W.dtype).eps * W.shape[-2] ** 0.5:
            break
        W = orthonormal_step(W)
    return W


def orthonormal_step(W: Tensor) -> Tensor:
    """Take a step towards orthonormal rows: (3 W − WWᵀW) / 2.

    Orthonormal rows stay where they are, and a gradient that comes back through the step is
    projected on the directions in which they stay orthonormal.

    Args:
        W: Matrices, `(..., rows, columns)`, whose rows are nearly orthonormal.

    Returns:
        A tensor of the same shape.

    Source:
        The projection: Edelman, Arias & Smith, SIAM J. Matrix Anal. 1998, equation 2.4.
    """
    return 1.5 * W - 0.5 * (W @ W.mT) @ W


def _distance(W: Tensor) -> float:
    """Measure ‖WWᵀ − I‖, of several matrices the largest."""
    if not W.numel():
        return 0.0
    eye = torch.eye(W.shape[-2], dtype=W.dtype, device=W.device)
    return float(torch.linalg.matrix_norm(W @ W.mT - eye).amax())

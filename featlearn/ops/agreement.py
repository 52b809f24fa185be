"""How well two codes of the same things agree, against codes of other things."""

import torch
import torch.nn.functional as F
from torch import Tensor

from featlearn.errors import ShapeError


def contrastive_agreement(
    a: Tensor, b: Tensor, *, temperature: float, same: Tensor | None = None
) -> Tensor:
    """Ask which row of `b` goes with each row of `a`, and the reverse: two cross-entropies' mean.

    With s_ij = ⟨a_i, b_j⟩ / (|a_i| |b_j| τ) and P_ij the even share of row i among the rows that
    go with it: ½ mean_i (−Σ_j P_ij log softmax_j s_ij − Σ_j P_ij log softmax_j s_ji).

    Args:
        a: Codes of one side, `(n, code)`.
        b: Codes of the other, row by row.
        temperature: τ.
        same: `(n, n)` which rows of the two go together, symmetric and true on the diagonal;
            only those of the same number if absent.

    Returns:
        A scalar of at least 0; log n where nothing tells the rows apart.

    Raises:
        ShapeError: If the two have different shapes.

    Source:
        van den Oord et al., arXiv:1807.03748 (InfoNCE); both ways as in Radford et al., ICML
        2021, with several partners as in Khosla et al., NeurIPS 2020, equation 2.
    """
    if a.shape != b.shape or a.ndim != 2:
        raise ShapeError(
            f"codes of two sides are (n, code) each; got {tuple(a.shape)} and {tuple(b.shape)}"
        )
    scores = F.normalize(a, dim=1) @ F.normalize(b, dim=1).T / temperature
    partners = torch.eye(len(a), device=a.device) if same is None else same.to(a.dtype)
    shares = partners / partners.sum(1, keepdim=True)
    there = (shares * scores.log_softmax(1)).sum(1)
    back = (shares * scores.T.log_softmax(1)).sum(1)
    return -(there + back).mean() / 2

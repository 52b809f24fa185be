"""Learning a dictionary from codes: one step of on-line dictionary learning."""

import torch
from torch import Tensor

from featlearn.errors import ShapeError

_UNUSED = 1e-6  # of the largest mean square of a code: who has less is not used


def kept_share(batches: int, *, forget: float) -> float:
    """Say how much of what earlier batches said is kept when a batch is added.

    β_t = (1 − 1/t)^ρ after t − 1 batches: with ρ = 0 all counts alike, with a larger ρ codes of
    early, bad dictionaries are forgotten sooner, and never all at once.

    Args:
        batches: t, from 1, with the one that is added.
        forget: ρ, at least 0.

    Source:
        Mairal, Bach, Ponce & Sapiro, JMLR 2010, section 3.4.2.
    """
    return (1 - 1 / batches) ** forget if batches > 1 else 0.0


@torch.no_grad()
def update_atoms(atoms: Tensor, codes: Tensor, seen: Tensor) -> Tensor:
    """Minimise ½ tr(DᵀDA) − tr(DᵀB) over the atoms one after the other, each within the unit ball.

    u_j = d_j + (b_j − D a_j) / A_jj, then d_j = u_j / max(‖u_j‖, 1). An atom that no code uses
    is left as it is.

    Args:
        atoms: Columns of D as rows, `(units, inputs)`.
        codes: A, the mean of z zᵀ, `(units, units)`.
        seen: Columns of B, the mean of x zᵀ, as rows, `(units, inputs)`.

    Returns:
        The atoms after one round, `(units, inputs)`.

    Raises:
        ShapeError: If the shapes do not go together.

    Source:
        Mairal, Bach, Ponce & Sapiro, ICML 2009, algorithm 2.
    """
    units = len(atoms)
    if atoms.ndim != 2 or codes.shape != (units, units) or seen.shape != atoms.shape:
        raise ShapeError(
            "update_atoms needs atoms (units, inputs), codes (units, units) and what was seen "
            f"(units, inputs); got {tuple(atoms.shape)}, {tuple(codes.shape)} and "
            f"{tuple(seen.shape)}"
        )
    atoms, used = atoms.clone(), torch.nonzero(~unused_atoms(codes))[:, 0]
    # (b_j - D a_j) / A_jj + d_j, in one product for each atom: its own part cancels d_j.
    squares = codes.diagonal()[:, None]
    others, wanted = (codes - torch.diag(codes.diagonal())) / squares, seen / squares
    columns, rows = atoms.T, atoms.unbind()
    for unit in used.tolist():
        moved = torch.addmv(wanted[unit], columns, others[unit], alpha=-1)
        rows[unit].copy_(moved / torch.linalg.vector_norm(moved).clamp_min(1))
    return atoms


def unused_atoms(codes: Tensor) -> Tensor:
    """Tell which atoms no code has used, or hardly.

    Args:
        codes: A, the mean of z zᵀ, `(units, units)`.

    Returns:
        A mask, `(units,)`.
    """
    squares = codes.diagonal()
    return squares <= _UNUSED * squares.max()

"""The on-line update of a dictionary against the paper's algorithm in a loop, and misuse."""

import numpy as np
import pytest
import torch
from torch import Tensor

from featlearn.errors import ShapeError
from featlearn.ops.dictionary import kept_share, unused_atoms, update_atoms


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def statistics() -> tuple[Tensor, Tensor, Tensor]:
    """Give atoms, A and B of codes in which the fourth unit has no part."""
    codes, x, atoms = random(50, 6, seed=0), random(50, 9, seed=1), random(6, 9, seed=2)
    codes[:, 3] = 0
    atoms /= torch.linalg.vector_norm(atoms, dim=1, keepdim=True)
    return atoms, codes.T @ codes / 50, codes.T @ x / 50


def surrogate(atoms: Tensor, codes: Tensor, seen: Tensor) -> float:
    return float(((atoms @ atoms.T) * codes).sum() / 2 - (atoms * seen).sum())


def test_equals_algorithm_2() -> None:
    atoms, codes, seen = statistics()
    found = update_atoms(atoms, codes, seen)
    columns, a, b = atoms.T.numpy().copy(), codes.numpy(), seen.T.numpy()
    for unit in (0, 1, 2, 4, 5):
        moved = (b[:, unit] - columns @ a[:, unit]) / a[unit, unit] + columns[:, unit]
        columns[:, unit] = moved / max(np.linalg.norm(moved), 1)
    np.testing.assert_allclose(found.T.numpy(), columns, atol=1e-12)
    assert (torch.linalg.vector_norm(found, dim=1) <= 1 + 1e-12).all()


def test_each_round_lowers_what_is_minimised_until_it_stands() -> None:
    atoms, codes, seen = statistics()
    values = [surrogate(atoms, codes, seen)]
    for _ in range(200):
        atoms = update_atoms(atoms, codes, seen)
        values.append(surrogate(atoms, codes, seen))
    assert (np.diff(values) <= 1e-12).all()
    torch.testing.assert_close(update_atoms(atoms, codes, seen), atoms, atol=1e-8, rtol=0)


def test_unused_atoms_are_told_and_left_alone() -> None:
    atoms, codes, seen = statistics()
    assert unused_atoms(codes).tolist() == [False, False, False, True, False, False]
    torch.testing.assert_close(update_atoms(atoms, codes, seen)[3], atoms[3], atol=0, rtol=0)
    assert unused_atoms(torch.zeros(3, 3)).all()


def test_what_was_given_is_left_as_it_is() -> None:
    atoms, codes, seen = statistics()
    before = atoms.clone()
    update_atoms(atoms, codes, seen)
    torch.testing.assert_close(atoms, before, atol=0, rtol=0)


def test_shares_of_the_past() -> None:
    assert kept_share(1, forget=0.0) == kept_share(1, forget=5.0) == 0
    assert kept_share(7, forget=0.0) == 1
    assert kept_share(4, forget=2.0) == pytest.approx(0.75**2)


def test_shapes_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"got \(3, 5\), \(4, 4\) and \(3, 5\)"):
        update_atoms(torch.ones(3, 5), torch.ones(4, 4), torch.ones(3, 5))

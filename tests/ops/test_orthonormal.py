"""Orthonormal rows against scipy's square root and polar factor, and misuse."""

import numpy as np
import pytest
import torch
from scipy import linalg
from torch import Tensor

from featlearn.errors import ShapeError
from featlearn.ops.orthonormal import orthonormal_rows, orthonormal_step


def rows(*shape: int) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(*shape, generator=draw, dtype=torch.float64)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 4), (6, 9)])
@pytest.mark.parametrize("near", [False, True])
def test_it_is_the_inverse_root_of_the_gram_matrix_times_the_rows(
    shape: tuple[int, int], *, near: bool
) -> None:
    W = rows(*shape)
    if near:  # as after a step of descent
        W = torch.from_numpy(linalg.orth(W.numpy().T).T.copy()) + 0.05 * rows(*shape)
    root = linalg.sqrtm(W.numpy() @ W.numpy().T)
    found = orthonormal_rows(W)
    np.testing.assert_allclose(found, np.linalg.inv(root) @ W.numpy(), atol=1e-12)
    np.testing.assert_allclose(found @ found.T, np.eye(shape[0]), atol=1e-12)


def test_several_matrices_are_each_by_themselves() -> None:
    W = rows(2, 3, 4, 7)
    found = orthonormal_rows(W)
    for place in np.ndindex(2, 3):
        polar, _ = linalg.polar(W[place].numpy(), side="left")
        np.testing.assert_allclose(found[place], polar, atol=1e-12)


def test_orthonormal_rows_stay_to_the_last_bits() -> None:
    W = orthonormal_rows(rows(30, 40).float())
    torch.testing.assert_close(orthonormal_rows(W), W, rtol=0, atol=1e-6)


def test_rows_that_depend_on_one_another_become_orthonormal() -> None:
    W = rows(3, 5)
    W[1] = 2 * W[0]
    found = orthonormal_rows(W)
    torch.testing.assert_close(found @ found.T, torch.eye(3, dtype=torch.float64))
    assert orthonormal_rows(rows(0, 4)).shape == (0, 4)


def test_a_gradient_through_a_step_keeps_rows_orthonormal() -> None:
    W = orthonormal_rows(rows(4, 6)).requires_grad_()
    torch.testing.assert_close(orthonormal_step(W), W)
    (down,) = torch.autograd.grad(orthonormal_step(W), W, rows(4, 6))
    skew = down @ W.T
    torch.testing.assert_close(skew, -skew.T)
    normal = rows(4, 6) - down  # what was taken away is S W with S symmetric
    S = normal @ W.T
    torch.testing.assert_close(S, S.T)
    torch.testing.assert_close(S @ W, normal)


def test_more_rows_than_columns_are_refused() -> None:
    for wrong in (rows(5, 4), rows(4)):
        with pytest.raises(ShapeError, match="no more rows than columns; got"):
            orthonormal_rows(wrong)

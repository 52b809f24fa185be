"""Keeping the largest numbers against a loop over positions, and at singular points."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from featlearn.errors import ShapeError
from featlearn.ops.top_k import above, batch_top_k, top_k


def responses(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_every_position_keeps_the_positive_of_its_largest(k: int) -> None:
    x = responses(3, 5, 2, 4)
    expected = np.zeros(x.shape)
    for image in range(3):
        for row in range(2):
            for column in range(4):
                here = x[image, :, row, column].numpy()
                for unit in np.argsort(here)[-k:]:
                    expected[image, unit, row, column] = max(here[unit], 0)
    torch.testing.assert_close(top_k(x, k=k), torch.from_numpy(expected))


@pytest.mark.parametrize("k", [1, 2, 5])
def test_a_batch_keeps_the_positive_of_its_largest(k: int) -> None:
    x = responses(3, 5, 2, 4)
    order = sorted(x.flatten().tolist(), reverse=True)[: k * 3 * 2 * 4]
    kept = [value for value in order if value > 0]
    codes, least = batch_top_k(x, k=k)
    torch.testing.assert_close(codes, torch.where(x >= min(kept), x, 0.0).clamp_min(0))
    assert int((codes != 0).sum()) == len(kept)
    assert float(least) == min(kept)


def test_one_image_may_have_more_than_k_where_another_has_fewer() -> None:
    x = torch.tensor([[9.0, 8, 7, 6], [1, 2, 0.5, 0.1]])[:, :, None, None]
    codes, least = batch_top_k(x, k=2)
    assert (codes != 0).sum((1, 2, 3)).tolist() == [4, 0]
    assert float(least) == 6


def two_of_each(x: Tensor) -> Tensor:
    return top_k(x, k=2)


def two_on_average(x: Tensor) -> Tensor:
    return batch_top_k(x, k=2).codes


@pytest.mark.parametrize("keep", [two_of_each, two_on_average])
def test_gradients_reach_what_is_kept_alone(keep: Callable[[Tensor], Tensor]) -> None:
    x = responses(2, 4, 1, 3).requires_grad_()
    assert torch.autograd.gradcheck(keep, (x,))
    code = keep(x)
    (slope,) = torch.autograd.grad(code.sum(), x)
    assert torch.equal(slope != 0, code != 0)


def test_equal_numbers_are_kept_as_often_as_there_is_room() -> None:
    x = torch.ones(2, 4, 1, 1)
    assert top_k(x, k=3).sum((1, 2, 3)).tolist() == [3, 3]
    codes, least = batch_top_k(x, k=3)
    assert (float(codes.sum()), float(least)) == (6, 1)


def test_nothing_positive_gives_zeros() -> None:
    x = -responses(2, 4, 1, 1).abs()
    assert not bool(top_k(x, k=2).any())
    codes, least = batch_top_k(x, k=2)
    assert not bool(codes.any())
    assert float(least) == 0


def test_an_empty_batch_stays_empty() -> None:
    x = responses(0, 4, 2, 2)
    assert top_k(x, k=2).shape == x.shape
    codes, least = batch_top_k(x, k=2)
    assert codes.shape == x.shape
    assert float(least) == 0


def test_above_keeps_what_reaches_the_threshold_and_is_positive() -> None:
    x = torch.tensor([-2.0, 0.0, 0.5, 1.0, 2.0])
    assert above(x, torch.tensor(1.0)).tolist() == [0, 0, 0, 1, 2]
    assert above(x, torch.tensor(0.0)).tolist() == [0, 0, 0.5, 1, 2]


@pytest.mark.parametrize("keep", [top_k, batch_top_k])
def test_more_than_there_are_is_refused(keep: Callable[..., object]) -> None:
    with pytest.raises(ShapeError, match=r"keeps 5 maps .*got \(2, 4, 1, 1\)"):
        keep(responses(2, 4, 1, 1), k=5)
    with pytest.raises(ShapeError, match=r"got \(2, 4\)"):
        keep(responses(2, 4), k=1)

"""The combinator and the normalisation of the ladder, written out unit by unit."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from featlearn.errors import ShapeError
from featlearn.ops.ladder import NUMBERS, batch_normalised, combine


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("per_map", [True, False])
def test_normalised_over_the_batch(per_map: bool) -> None:
    x = 3 * drawn(5, 2, 3, 4) + 1
    got = batch_normalised(x, per_map=per_map, eps=0.0)
    for m in range(2):
        for i in range(3):
            for j in range(4):
                values = x[:, m].numpy() if per_map else x[:, m, i, j].numpy()
                expected = (x[:, m, i, j].numpy() - values.mean()) / values.std()
                np.testing.assert_allclose(got.z[:, m, i, j].numpy(), expected)
    torch.testing.assert_close(got.z * got.deviation + got.mean, x)


def test_what_never_varies_is_zero() -> None:
    got = batch_normalised(torch.full((4, 1, 2, 2), 3.0), per_map=True)
    torch.testing.assert_close(got.z, torch.zeros(4, 1, 2, 2))


@pytest.mark.parametrize(("shape", "per_map"), [((1, 3, 2, 2), False), ((1, 3, 1, 1), True)])
def test_one_number_has_no_deviation(shape: tuple[int, ...], per_map: bool) -> None:
    with pytest.raises(ShapeError, match="two images or more"):
        batch_normalised(torch.ones(shape), per_map=per_map)


def test_one_image_of_many_positions_has_one() -> None:
    assert batch_normalised(drawn(1, 3, 2, 2), per_map=True).z.isfinite().all()


def test_combining_follows_the_paper() -> None:
    noisy, above, a = drawn(3, 2, 1, 2), drawn(3, 2, 1, 2, seed=1), drawn(NUMBERS, 2, 1, 1, seed=2)

    def sigmoid(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    got = combine(noisy, above, a)
    for n in range(3):
        for m in range(2):
            for j in range(2):
                z, u = float(noisy[n, m, 0, j]), float(above[n, m, 0, j])
                a1, a2, a3, a4, a5, a6, a7, a8, a9, a10 = a[:, m, 0, 0].tolist()
                mean = a1 * sigmoid(a2 * u + a3) + a4 * u + a5
                trust = a6 * sigmoid(a7 * u + a8) + a9 * u + a10
                assert float(got[n, m, 0, j]) == pytest.approx((z - mean) * trust + mean)


def test_it_can_be_the_best_estimate_of_a_gaussian() -> None:
    """Of z drawn about u with variance s², seen under noise of variance n²: weight s²/(s² + n²)."""
    u, own = drawn(20_000, 1, 1, 1), drawn(20_000, 1, 1, 1, seed=1)
    z = u + 0.5 * own
    seen = z + 0.3 * drawn(20_000, 1, 1, 1, seed=3)
    best = torch.zeros(NUMBERS, 1, 1, 1, dtype=torch.float64)
    best[3], best[9] = 1.0, 0.25 / (0.25 + 0.09)
    error = float((combine(seen, u, best) - z).square().mean())
    assert error == pytest.approx(0.25 * 0.09 / (0.25 + 0.09), rel=0.03)


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match="two responses of one shape and 10 numbers"):
        combine(torch.ones(2, 1, 1, 1), torch.ones(2, 2, 1, 1), torch.ones(10, 1, 1, 1))

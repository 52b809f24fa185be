import math

import numpy as np
import pytest
import torch
from torch import Tensor

from featlearn.errors import ShapeError
from featlearn.ops.agreement import contrastive_agreement


def codes(seed: int, count: int = 5) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, generator=draw, dtype=torch.float64)


def looped(a: np.ndarray, b: np.ndarray, temperature: float, same: np.ndarray) -> float:
    total = 0.0
    for x, y in ((a, b), (b, a)):
        for i in range(len(x)):
            scores = [
                x[i] @ y[j] / np.linalg.norm(x[i]) / np.linalg.norm(y[j]) / temperature
                for j in range(len(y))
            ]
            whole = math.log(sum(math.exp(score) for score in scores))
            mine = [score - whole for j, score in enumerate(scores) if same[i, j]]
            total -= sum(mine) / len(mine)
    return total / len(a) / 2


@pytest.mark.parametrize("temperature", [0.1, 1.0])
@pytest.mark.parametrize("shared", [False, True])
def test_equals_a_loop_over_rows(temperature: float, shared: bool) -> None:
    same = torch.eye(5, dtype=torch.bool)
    if shared:
        same[0, 3] = same[3, 0] = True
    found = contrastive_agreement(
        codes(0), codes(1), temperature=temperature, same=same if shared else None
    )
    expected = looped(codes(0).numpy(), codes(1).numpy(), temperature, same.numpy())
    assert float(found) == pytest.approx(expected, rel=1e-9)


def test_codes_that_tell_nothing_cost_the_logarithm_of_their_number() -> None:
    found = contrastive_agreement(torch.ones(7, 2), torch.ones(7, 2), temperature=0.5)
    assert float(found) == pytest.approx(math.log(7), rel=1e-6)


def test_a_single_pair_costs_nothing() -> None:
    assert float(contrastive_agreement(codes(0, 1), codes(1, 1), temperature=0.1)) == 0.0


def test_gradients_are_right() -> None:
    a, b = codes(0).requires_grad_(), codes(1).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x, y: contrastive_agreement(x, y, temperature=0.3), (a, b)
    )


def test_sides_of_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(n, code\) each; got \(5, 3\) and \(4, 3\)"):
        contrastive_agreement(codes(0), codes(0, 4), temperature=1.0)

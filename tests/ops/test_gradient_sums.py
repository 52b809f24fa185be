"""Derivatives by weights that are used several times, summed in place."""

import pytest
import torch
from torch import Tensor, nn

from featlearn.ops import gradient_sums, local_kernels
from featlearn.ops.gradient_sums import GradientSums
from featlearn.ops.local import channels_innermost, local2d, local_transpose2d

pytestmark = pytest.mark.skipif(not local_kernels.INSTALLED, reason="needs the extra `fast`")
SIZE = (9, 8)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def weights(*, seed: int = 1) -> nn.Parameter:
    return nn.Parameter(channels_innermost(drawn(4, 3, 5, 2, 3, 4, seed=seed)))


def loss(weight: Tensor, *, uses: int = 2) -> Tensor:
    """Use a weight to encode, to decode, and to encode once more."""
    x = drawn(20, 2, *SIZE)
    code = local2d(x, weight, stride=2)
    rebuilt = local_transpose2d(torch.tanh(code), weight, size=SIZE, stride=2)
    error = (rebuilt - x).square().sum()
    return error if uses == 2 else error + local2d(rebuilt, weight, stride=2).abs().sum()


def gradient(weight: nn.Parameter, sums: GradientSums | None, *, uses: int = 2) -> Tensor:
    weight.grad = None
    if sums is None:
        loss(weight, uses=uses).backward()
    else:
        with sums.noted():
            found = loss(weight, uses=uses)
        with sums.summed():
            found.backward()
    assert weight.grad is not None
    return weight.grad


@pytest.fixture(params=[1, 500, 2**26])
def part(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Add in parts of so many bytes: single rows, some, and all at once."""
    monkeypatch.setattr(gradient_sums, "_PART", request.param)
    monkeypatch.setattr(gradient_sums, "_parts", gradient_sums._parts.__wrapped__)  # pyright: ignore[reportPrivateUsage]


@pytest.mark.usefixtures("part")
@pytest.mark.parametrize("uses", [2, 3])
def test_the_sum_has_the_bits_that_automatic_differentiation_gives(uses: int) -> None:
    weight, sums = weights(), GradientSums()
    plain = gradient(weight, None, uses=uses)
    for _ in range(2):  # the second time as well
        assert torch.equal(gradient(weight, sums, uses=uses), plain)


def test_weights_of_their_own_are_not_mixed_up() -> None:
    one, other, sums = weights(), weights(seed=2), GradientSums()
    expected = [gradient(weight, None) for weight in (one, other)]
    one.grad = other.grad = None
    with sums.noted():
        both = loss(one) + loss(other)
    with sums.summed():
        both.backward()
    for weight, alone in zip((one, other), expected, strict=True):
        assert weight.grad is not None
        assert torch.equal(weight.grad, alone)


def test_a_derivative_that_is_taken_on_the_way_changes_nothing() -> None:
    weight, sums = weights(), GradientSums()
    expected = gradient(weight, None)
    weight.grad = None
    with sums.noted():
        (aside,) = torch.autograd.grad(loss(weight), weight)
        found = loss(weight)
    with sums.summed():
        found.backward()
    assert torch.equal(aside, expected)
    assert weight.grad is not None
    assert torch.equal(weight.grad, expected)


def test_second_derivatives_are_right() -> None:
    weight, sums = weights(), GradientSums()

    def slope(of: nn.Parameter) -> Tensor:
        (first,) = torch.autograd.grad(loss(of), of, create_graph=True)
        return first.square().sum()

    slope(weight).backward()
    expected, weight.grad = weight.grad, None
    with sums.noted():
        found = slope(weight)
    with sums.summed():
        found.backward()
    torch.testing.assert_close(weight.grad, expected)


def test_outside_there_is_nothing_that_sums() -> None:
    sums = GradientSums()
    assert gradient_sums.current() is None
    with sums.noted():
        assert gradient_sums.current() is sums
    assert gradient_sums.current() is None

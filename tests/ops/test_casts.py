"""Weights are rounded once a step."""

import torch

from featlearn.ops.casts import Taker, cast, casts_kept
from featlearn.ops.local import local2d, local_transpose2d


def test_a_weight_is_rounded_once() -> None:
    weight = torch.randn(3, 4, requires_grad=True)
    with casts_kept():
        assert cast(weight, torch.bfloat16) is cast(weight, torch.bfloat16)
        assert cast(weight, torch.float16) is not cast(weight, torch.bfloat16)
        assert cast(weight, torch.float32) is weight
        kept = cast(weight, torch.bfloat16)
    assert torch.equal(kept, weight.to(torch.bfloat16))
    assert cast(weight, torch.bfloat16) is not kept


def test_what_is_rounded_without_gradients_is_not_handed_to_who_needs_them() -> None:
    weight = torch.randn(3, 4, requires_grad=True)
    with casts_kept():
        with torch.no_grad():
            assert not cast(weight, torch.bfloat16).requires_grad
        rounded = cast(weight, torch.bfloat16)
        assert rounded.requires_grad
        with torch.no_grad():
            assert cast(weight, torch.bfloat16) is rounded


def test_one_within_another_keeps_its_own() -> None:
    weight = torch.randn(3, requires_grad=True)
    with casts_kept():
        outer = cast(weight, torch.bfloat16)
        with casts_kept():
            assert cast(weight, torch.bfloat16) is not outer
        assert cast(weight, torch.bfloat16) is outer


def test_gradients_of_all_uses_meet() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(5, 2, 7, 7, generator=draw)
    weight = torch.randn(5, 5, 3, 2, 3, 3, generator=draw, requires_grad=True)

    def rebuilt(weight: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return local_transpose2d(local2d(x, weight), weight, size=(7, 7))

    def slope(dtype: torch.dtype) -> torch.Tensor:
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            loss = rebuilt(weight, x).float().square().mean()
        (found,) = torch.autograd.grad(loss, weight)
        return found

    exact = slope(torch.float32)
    with casts_kept():
        kept = slope(torch.bfloat16)
    assert kept.dtype == torch.float32
    for found in (kept, slope(torch.bfloat16)):
        assert (found - exact).norm() < 0.02 * exact.norm()


def test_who_takes_a_gradient_has_it_instead_of_the_weight() -> None:
    taken = torch.randn(3, requires_grad=True)
    other = torch.randn(3, requires_grad=True)
    gradients: list[torch.Tensor] = []

    def taker(weight: torch.Tensor) -> Taker | None:
        return gradients.append if weight is taken else None

    with casts_kept(taker):
        loss = sum(cast(weight, torch.bfloat16).sum() for weight in (taken, taken, other))
    assert isinstance(loss, torch.Tensor)
    loss.backward()
    (gradient,) = gradients
    assert gradient.dtype == torch.bfloat16
    assert torch.equal(gradient, torch.full((3,), 2.0, dtype=torch.bfloat16))
    assert taken.grad is None
    assert other.grad is not None

"""Weights in lower precision under autocast: each rounded once a step, not once a use."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

import torch
from torch import Tensor

Taker = Callable[[Tensor], None]
"""Takes the gradient of a weight, in the precision that the weight was rounded to."""

_kept: dict[tuple[int, torch.dtype], tuple[Tensor, Tensor]] | None = None
_takers: Callable[[Tensor], Taker | None] | None = None


@contextmanager
def casts_kept(takers: Callable[[Tensor], Taker | None] | None = None) -> Generator[None]:
    """Within it, a weight is rounded once, and the gradients of all its uses are summed rounded.

    The weights must not change meanwhile. This is what autocast does for the operations that
    it knows.

    Args:
        takers: Gives who takes the gradient of a weight instead of the weight, when the backward
            pass knows all of it; `None` for a weight that is to have it, as all do if not given.
    """
    global _kept, _takers
    before = _kept, _takers
    _kept, _takers = {}, takers
    try:
        yield
    finally:
        _kept, _takers = before


def cast(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """Round a weight, or give what it was rounded to before."""
    if _kept is None or weight.dtype == dtype or torch.compiler.is_compiling():
        return weight.to(dtype)
    before = _kept.get((id(weight), dtype))
    # What was rounded where nobody differentiates leads to no gradient.
    wanted = torch.is_grad_enabled() and weight.requires_grad
    if before is None or (wanted and not before[1].requires_grad):
        before = weight, _rounded(weight, dtype)  # the weight too: another may not take its name
        _kept[id(weight), dtype] = before
    return before[1]


def _rounded(weight: Tensor, dtype: torch.dtype) -> Tensor:
    wanted = torch.is_grad_enabled() and weight.requires_grad
    taker = _takers(weight) if wanted and _takers is not None else None
    if taker is None:
        return weight.to(dtype)
    rounded = weight.detach().to(dtype).requires_grad_()

    def hand_over(to: Tensor) -> None:
        assert to.grad is not None
        taker(to.grad)
        to.grad = None

    rounded.register_post_accumulate_grad_hook(hand_over)
    return rounded

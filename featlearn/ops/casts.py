"""Weights in lower precision under autocast: each rounded once a step, not once a use."""

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import Tensor

_kept: dict[tuple[int, torch.dtype], tuple[Tensor, Tensor]] | None = None


@contextmanager
def casts_kept() -> Generator[None]:
    """Within it, a weight is rounded once, and the gradients of all its uses are summed rounded.

    The weights must not change meanwhile. This is what autocast does for the operations that
    it knows.
    """
    global _kept  # noqa: PLW0603 - as autocast's own cache, and read by compiled programs
    before, _kept = _kept, {}
    try:
        yield
    finally:
        _kept = before


def cast(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """Round a weight, or give what it was rounded to before."""
    if _kept is None or weight.dtype == dtype or torch.compiler.is_compiling():
        return weight.to(dtype)
    before = _kept.get((id(weight), dtype))
    # What was rounded where nobody differentiates leads to no gradient.
    if before is None or (torch.is_grad_enabled() and not before[1].requires_grad):
        before = weight, weight.to(dtype)  # the weight too: another may not take its name
        _kept[id(weight), dtype] = before
    return before[1]

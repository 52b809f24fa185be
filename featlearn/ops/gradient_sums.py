"""Derivatives by weights that are used several times in a step, summed in one place in memory.

Automatic differentiation computes the derivative of each use in memory of its own, and their
sum in another: three times the weights, where these are used twice.
"""

import functools
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

_PART = 2**26  # bytes of a derivative that are computed at once, about, if they are added
_MOST_PARTS = 8

Compute = Callable[[slice], Tensor]
"""Computes the derivative by some rows of the weights."""


class GradientSums:
    """The derivatives of one backward pass, by the weights whose uses it knows.

    The uses are those within `noted`. In the backward pass within `summed`, the first
    derivative by a weight is given to automatic differentiation, which keeps it until it knows
    of every use; the next ones are added to it where it lies, a part at a time, and nothing is
    given. So it must be the one backward pass through all of these uses.
    """

    def __init__(self) -> None:
        """Begin with no uses and no derivatives."""
        self._uses: dict[object, int] = {}
        self._first: dict[object, Tensor] | None = None

    @contextmanager
    def noted(self) -> Generator[None]:
        """Within it, what uses weights may ask for `current`; earlier uses are forgotten."""
        self._uses.clear()
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    @contextmanager
    def summed(self) -> Generator[None]:
        """Within it, derivatives by the same weights are summed."""
        self._first = {}
        try:
            yield
        finally:
            self._first = None

    def use(self, weight: Tensor) -> object:
        """Note a use of weights, and name them by where they lie.

        Views of the same memory are the same weights.
        """
        name = weight.data_ptr(), tuple(weight.shape), weight.dtype
        self._uses[name] = self._uses.get(name, 0) + 1
        return name

    def add(self, name: object, rows: int, compute: Compute) -> Tensor | None:
        """Compute the derivative by weights, or add it to the one that is there.

        Args:
            name: Of the weights, as `use` gave it.
            rows: How many rows they have.
            compute: Computes the derivative by some of the rows.

        Returns:
            The derivative, or nothing if it was added.
        """
        if self._first is None or torch.is_grad_enabled():
            return compute(slice(0, rows))
        first = self._first.pop(name, None)
        self._uses[name] -= 1
        found = compute(slice(0, rows)) if first is None else first
        if self._uses[name]:  # else nobody adds to it, and it is free when it is applied
            self._first[name] = found
        if first is None:
            return found
        for some in _parts(rows, first.nbytes):
            first[some].add_(compute(some))
        return None


def current() -> GradientSums | None:
    """Give the sums within whose `noted` this is called, if any."""
    return _current.get()


@functools.lru_cache(maxsize=512)
def _parts(rows: int, size: int) -> list[slice]:
    """Cut rows into parts of some megabytes, of one size but for the last."""
    parts = min(-(-size // _PART), _MOST_PARTS)
    step = -(-rows // max(parts, 1))
    return [slice(begin, min(begin + step, rows)) for begin in range(0, rows, step)]


_current: ContextVar[GradientSums | None] = ContextVar("gradient_sums", default=None)

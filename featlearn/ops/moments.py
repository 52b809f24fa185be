"""Mean, deviation and range of a sample, in one pass over its batches."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from featlearn.errors import DataError


@dataclass(frozen=True)
class Moments:
    """What is known of a sample, in double precision; reduced axes have length 1."""

    count: int
    """How many numbers went into each of the others."""

    mean: Tensor
    squares: Tensor
    """Sum of squared differences from the mean."""

    least: Tensor
    greatest: Tensor

    @property
    def deviation(self) -> Tensor:
        """Standard deviation, with the divisor `count`."""
        return (self.squares / self.count).sqrt()


def moments(batches: Iterable[Tensor], *, dims: tuple[int, ...]) -> Moments:
    """Measure a sample that comes in batches; the result does not depend on how it is cut.

    Args:
        batches: Tensors that differ in their first axis at most; empty ones are passed over.
        dims: Axes to reduce, the first among them.

    Returns:
        Moments of the shape of a batch, with 1 for every axis in `dims`.

    Raises:
        DataError: If the sample is empty, or holds a number that is not finite.

    Source:
        Chan, Golub & LeVeque, The American Statistician 1983, for the joining of batches.
    """
    total: Moments | None = None
    for batch in batches:
        if batch.shape[0]:
            new = measure(batch, dims=dims)
            total = new if total is None else _join(total, new)
    if total is None:
        raise DataError("a mean and a deviation need at least one sample; there is none")
    if not total.squares.isfinite().all():
        raise DataError("a mean and a deviation need finite samples; there is NaN or infinity")
    return total


def measure(x: Tensor, *, dims: tuple[int, ...]) -> Moments:
    """Measure one batch, of one sample or more, whether its numbers are finite or not."""
    x = x.detach().double()
    mean = x.mean(dim=dims, keepdim=True)
    return Moments(
        x.numel() // mean.numel(),
        mean,
        (x - mean).square().sum(dim=dims, keepdim=True),
        x.amin(dim=dims, keepdim=True),
        x.amax(dim=dims, keepdim=True),
    )


def _join(a: Moments, b: Moments) -> Moments:
    count = a.count + b.count
    step = b.mean - a.mean
    return Moments(
        count,
        a.mean + step * (b.count / count),
        a.squares + b.squares + step.square() * (a.count * b.count / count),
        torch.minimum(a.least, b.least),
        torch.maximum(a.greatest, b.greatest),
    )

"""A support vector machine with a Gaussian kernel, its two numbers chosen by validation images."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import SVC

from featlearn.baselines.task import Examples
from featlearn.baselines.waiting import interruptible
from featlearn.datasets.imageset import Indices

Rows = NDArray[np.float32]

STRENGTHS = (1.0, 10.0, 100.0)
"""Weights of errors, C, to choose from."""

WIDTHS = (0.03125, 0.0625, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Values of γ to choose from, in units of one over the number of pixels times their variance."""

SOME = 3000
"""Images that the whole grid is tried on; the best of it are tried again on all."""

BEST = 3
"""How many of these there are."""

_AT_ONCE = 1000


class Numbers(NamedTuple):
    """What a machine is fitted with.

    Attributes:
        strength: C, the weight of errors.
        width: γ, in units of one over the number of pixels times their variance.
    """

    strength: float
    width: float

    @property
    def words(self) -> str:
        """Write them."""
        return f"C {self.strength:g}, γ {self.width:g}"


class Machine(NamedTuple):
    """A fitted machine.

    Attributes:
        numbers: What it was fitted with.
        predict: Names the classes of rows `(n, pixels)`.
    """

    numbers: Numbers
    predict: Callable[[Rows], Indices]


class Chosen(NamedTuple):
    """The machine that names validation images best.

    Attributes:
        machine: It, fitted to all images to learn from.
        tried: Share of the validation images that each named wrong, of those fitted to all.
        grid: How many pairs of numbers were tried on some of the images before.
    """

    machine: Machine
    tried: dict[Numbers, float]
    grid: int


def choose_machine(
    learned: Examples,
    validated: Examples,
    *,
    threads: int,
    told: Callable[[int, int], None],
) -> Chosen:
    """Try a grid on some of the images, its best on all, and take the best of these.

    Args:
        learned: What machines are fitted to.
        validated: What they are chosen by.
        threads: How many to use.
        told: Given how many machines are fitted, and how many will be.
    """
    grid = [Numbers(strength, width) for width in WIDTHS for strength in STRENGTHS]
    steps = len(grid) + BEST
    scale = 1 / (learned.rows.shape[1] * max(float(learned.rows.var()), 1e-12))
    some = Examples(learned.images[:SOME], learned.labels[:SOME])
    first: dict[Numbers, float] = {}
    for numbers in grid:
        told(len(first), steps)
        first[numbers] = _error(_fitted(numbers, some, scale, threads), validated)
    best = sorted(first, key=lambda numbers: first[numbers])[:BEST]  # equal ones as in the grid
    tried: dict[Numbers, float] = {}
    chosen: Machine | None = None
    for numbers in best:
        told(len(grid) + len(tried), steps)
        machine = _fitted(numbers, learned, scale, threads)
        error = _error(machine, validated)
        if chosen is None or error < min(tried.values()):
            chosen = machine
        tried[numbers] = error
    assert chosen is not None
    told(steps, steps)
    return Chosen(chosen, tried, len(grid))


def gaussian(a: Rows, b: Rows, *, gamma: float) -> NDArray[np.float64]:
    """Compute exp(-γ‖a − b‖²) for all pairs of rows, `(len(a), len(b))`."""
    result = np.empty((len(a), len(b)))
    squares = np.square(b).sum(1)
    for first in range(0, len(a), _AT_ONCE):
        part = a[first : first + _AT_ONCE]
        distance = np.square(part).sum(1)[:, None] + squares - 2 * (part @ b.T)
        result[first : first + _AT_ONCE] = np.exp(-gamma * np.maximum(distance, 0))
    return result


def _fitted(numbers: Numbers, learned: Examples, scale: float, threads: int) -> Machine:
    """Fit a machine, by kernel values that matrix products give."""
    rows, gamma = learned.rows, numbers.width * scale
    machine = SVC(C=numbers.strength, kernel="precomputed")
    interruptible(
        lambda: machine.fit(gaussian(rows, rows, gamma=gamma), learned.labels), threads=threads
    )
    # Where classes are told by few images, the others need no kernel values.
    support = np.asarray(machine.support_)

    def predict(asked: Rows) -> Indices:
        named: list[Indices] = []
        for first in range(0, len(asked), _AT_ONCE):
            part = asked[first : first + _AT_ONCE]
            values = np.zeros((len(part), len(rows)))
            values[:, support] = gaussian(part, rows[support], gamma=gamma)
            named.append(np.asarray(machine.predict(values), np.int64))
        return np.concatenate(named)

    return Machine(numbers, lambda asked: interruptible(lambda: predict(asked), threads=threads))


def _error(machine: Machine, examples: Examples) -> float:
    """Give the share of images that are named wrong."""
    return float(np.mean(machine.predict(examples.rows) != examples.labels))

"""The learning-rate range test: a short training under a rate that grows at every step."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from featlearn.config.training import LoopSpec
from featlearn.errors import TrainingError
from featlearn.training.averaging import WeightAverage
from featlearn.training.problem import Problem
from featlearn.training.progress import Progress
from featlearn.training.trying import tried_steps, unchanged

STEPS = 100
LOWEST, HIGHEST = 1e-7, 10.0
"""Where a test begins and ends, unless the recipe's own rate is near one of them."""

_ROOM = 100.0
_BLUR = 3.0
_LOST = 3
_LEAST_FALL, _SCATTERS = 0.02, 1.5


class RangeTest(msgspec.Struct, frozen=True, kw_only=True):
    """What a range test of one phase came to.

    Attributes:
        phase: Name of the stage, `joint`, or `finetune`.
        own: The recipe's rate.
        suggested: Where the smoothed loss falls most steeply with the logarithm of the
            rate; `None` if it fell at no rate.
        diverges: Rate above that of the least smoothed loss from which the loss is
            higher than it began, or where it ceased to be finite; `None` if neither.
        rates: Of the steps that were taken, ascending.
        losses: Before each step.
        smoothed: The same, smoothed.
    """

    phase: str
    own: float
    suggested: float | None
    diverges: float | None
    rates: list[float]
    losses: list[float]
    smoothed: list[float]


class Reading(NamedTuple):
    """What a curve of losses over rates says, see `RangeTest`."""

    suggested: float | None
    diverges: float | None
    smoothed: list[float]


def range_test(
    problem: Problem,
    spec: LoopSpec,
    *,
    seed: int,
    average: WeightAverage | None = None,
    progress: Progress | None = None,
) -> RangeTest:
    """Train for some 100 steps, each at a rate higher by the same factor than the one before.

    It ends early where the loss has left its beginning far behind. The network is left
    as it was.

    Args:
        problem: What to minimise.
        spec: How it is trained.
        seed: Seed of order and noise.
        average: What the loop keeps of the weights, if it does; it follows the test's steps.
        progress: Told of every step.

    Source:
        Smith, "Cyclical learning rates for training neural networks", WACV 2017, with
        the rate growing exponentially instead of evenly.
    """
    own = spec.optimizer.lr
    rates = np.geomspace(min(LOWEST, own / _ROOM), max(HIGHEST, own * _ROOM), STEPS).tolist()
    losses: list[float] = []
    with unchanged(problem.module):
        steps = tried_steps(
            problem,
            spec,
            rates,
            seed=seed,
            name=f"{problem.name}: rates",
            average=average,
            progress=progress,
        )
        try:
            for report in steps:
                losses.append(report.loss)
                if _is_lost(losses):
                    break
        except TrainingError:
            pass  # a loss that is not finite ends the test as a high one does
        finally:
            steps.close()
    rates = rates[: len(losses)]
    broken = len(losses) < STEPS
    return RangeTest(
        phase=problem.name,
        own=own,
        rates=rates,
        losses=losses,
        **read_curve(rates, losses, broken=broken)._asdict(),
    )


def read_curve(rates: Sequence[float], losses: Sequence[float], *, broken: bool) -> Reading:
    """Find the rate at which the loss falls most steeply, and the one from which it diverges.

    The loss is smoothed by a Gaussian over steps. It began at its first value, or at its
    mean over the first fifth of them if that is less. It counts as fallen if its least
    value lies by 2 %, and by 1.5 times its scatter, below that: of curves that are all
    noise one in a hundred does.

    Args:
        rates: Ascending, at even steps of their logarithm.
        losses: One for each rate.
        broken: Whether training broke off after the last, or had lost its way by then.
    """
    if len(losses) < 2:
        return Reading(None, rates[0] if losses and broken else None, list(losses))
    raw = np.minimum(losses, losses[0] + abs(losses[0]))  # what blew up hides nothing before it
    smooth = _smoothed(raw)
    beginning = max(len(smooth) // 5, 1)
    first, least = min(smooth[0], smooth[:beginning].mean()), int(smooth.argmin())
    above = np.flatnonzero(smooth[least:] > first)
    diverges = rates[least + int(above[0])] if len(above) else rates[-1] if broken else None
    scatter = float((raw - smooth)[: max(least + 1, beginning)].std())
    fallen = first - smooth[least] > max(_LEAST_FALL * abs(first), _SCATTERS * scatter)
    suggested = None
    if fallen:
        slopes = np.gradient(smooth, np.log(rates))
        suggested = rates[int(slopes[: least + 1].argmin())]
    return Reading(suggested, diverges, smooth.tolist())


def _smoothed(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average every loss with its neighbours, by a Gaussian of three steps."""
    places = np.arange(len(losses))
    weights = np.exp(-0.5 * ((places[:, None] - places) / _BLUR) ** 2)
    return weights @ losses / weights.sum(1)


def _is_lost(losses: Sequence[float]) -> bool:
    """Tell whether the last losses are far above the first."""
    last = losses[-_LOST:]
    return len(last) == _LOST and min(last) > _ceiling(losses[0])


def _ceiling(first: float) -> float:
    """Say what loss is far above the first: four times it, if it is positive."""
    return first + 3 * abs(first)

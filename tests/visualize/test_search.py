"""The figure of a search holds every trial, over its number and over each key."""

import numpy as np
import pytest
from matplotlib.axes import Axes

from featlearn.config.space import Choices, Range, Space
from featlearn.errors import DataError
from featlearn.visualize.search import Tried, search_figure
from featlearn.visualize.style import png_bytes, svg_text

RATE = Range(key="pretrain.optimizer.lr", low=1e-4, high=1e-1, log=True)
BATCH = Range(key="pretrain.batch", low=16, high=64, step=16, whole=True)
POOL = Choices(key="stages.a.pool", values=("none", "{ kind = 'max', size = 2 }"))
SPACES: tuple[Space, ...] = (RATE, BATCH, POOL)
TRIALS = [
    Tried("complete", 5.0, {RATE.key: "0.001", BATCH.key: "16", POOL.key: "none"}),
    Tried("pruned", None, {RATE.key: "0.0001", BATCH.key: "32", POOL.key: POOL.values[1]}),
    Tried("complete", 3.0, {RATE.key: "0.01", BATCH.key: "64", POOL.key: POOL.values[1]}),
    Tried("diverged", None, {RATE.key: "0.1", BATCH.key: "64", POOL.key: "none"}),
    Tried("complete", 4.0, {RATE.key: "0.02", BATCH.key: "48", POOL.key: "none"}),
    Tried("unfit", None, {RATE.key: "0.05", BATCH.key: "48", POOL.key: "none"}),
]


def marks(axes: Axes) -> dict[str, list[tuple[float, float]]]:
    """Give what is drawn, by its label."""
    return {
        str(line.get_label()): [(float(x), float(y)) for x, y in zip(*line.get_data(), strict=True)]  # pyright: ignore[reportArgumentType]
        for line in axes.lines
    }


def test_trials_in_order_and_the_best_so_far() -> None:
    above = search_figure(SPACES, TRIALS, percent=False).axes[0]
    drawn = marks(above)
    assert drawn["complete"] == [(1, 5.0), (3, 3.0), (5, 4.0)]
    assert drawn["best: trial 3"] == [(3, 3.0)]
    assert [y for _, y in drawn["best so far"]] == [5.0, 5.0, 3.0, 3.0, 3.0, 3.0]
    assert above.get_ylabel() == "held-out loss"
    (edge,) = {y for name in ("stopped early", "diverged", "does not fit") for _, y in drawn[name]}
    assert 5.0 < edge < above.get_ylim()[1]
    assert [tick for tick in above.get_yticks() if tick > edge] == []


def test_each_key_has_a_panel() -> None:
    _, rate, batch, pool = search_figure(SPACES, TRIALS, percent=False).axes
    assert marks(rate)["complete"] == [(0.001, 5.0), (0.01, 3.0), (0.02, 4.0)]
    assert (rate.get_xscale(), batch.get_xscale()) == ("log", "linear")
    assert marks(batch)["diverged"][0][0] == 64
    assert batch.get_xticks().tolist() == [16, 32, 48, 64]
    assert [tick.get_text() for tick in pool.get_xticklabels()] == ["none", "max 2"]
    assert [round(x) for x, _ in marks(pool)["complete"]] == [0, 1, 0]
    assert len({x for x, _ in marks(pool)["complete"]}) == 3  # apart, in their order
    assert rate.get_xlabel() == "pretrain.optimizer.lr"


def test_errors_are_in_percent() -> None:
    trials = [Tried("complete", 0.031, {RATE.key: "0.01"})]
    above, below = search_figure((RATE,), trials, percent=True).axes
    assert above.get_ylabel() == "validation error, %"
    assert marks(below)["complete"] == [(0.01, pytest.approx(3.1))]


@pytest.mark.parametrize(
    "values", [[2.0], [1.0, 1.0], [0.0, 0.0], [-1.0, 3.0], [1e-3, 5.0, 1e3], [0.0, 1e9]]
)
def test_all_values_are_inside(values: list[float]) -> None:
    trials = [Tried("complete", value, {RATE.key: "0.01"}) for value in values]
    trials.append(Tried("pruned", None, {RATE.key: "0.01"}))
    above = search_figure((RATE,), trials, percent=False).axes[0]
    low, high = above.get_ylim()
    assert low <= min(values) <= max(values) < high
    assert (above.get_yscale() == "log") == (min(values) > 0 and max(values) > 30 * min(values))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7])
def test_any_number_of_keys(count: int) -> None:
    spaces = [Range(key=f"k{n}", low=0.0, high=1.0) for n in range(count)]
    values = np.linspace(0, 1, count).tolist()
    params = {space.key: repr(value) for space, value in zip(spaces, values, strict=True)}
    trials = [Tried("complete", 1.0, params)]
    figure, again = (search_figure(spaces, trials, percent=False) for _ in range(2))
    assert len(figure.axes) == count + 1
    assert png_bytes(figure) == png_bytes(again)
    assert all(space.key in svg_text(figure) for space in spaces)


def test_without_a_complete_trial_there_is_nothing_to_draw() -> None:
    with pytest.raises(DataError, match="at least one of its trials is complete"):
        search_figure(SPACES, [TRIALS[1]], percent=False)

"""What fine-tuning comes to, in words and tables."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from featlearn.training.rundir import RunDirectory
from featlearn.wording import METHODS, count, duration, percent, plural
from featlearn_cli.text import facts, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.training.range_test import RangeTest
    from featlearn.workflows.find_rate import FindRateResult
    from featlearn.workflows.head_results import FinetuneResult
    from featlearn.workflows.sweep_results import SweepPoint, SweepResult


def rates_tried(result: "FindRateResult") -> "Iterable[RenderableType]":
    """Write which learning rates were tried, and which is suggested."""
    test = result.test
    yield facts(
        [
            ("run", result.run),
            ("labels", result.labelled),
            ("recipe's rate", f"{test.own:.2g}"),
            ("suggested rate", "none" if test.suggested is None else f"{test.suggested:.2g}"),
            ("to take it", result.option),
            ("diverges from", None if test.diverges is None else f"{test.diverges:.2g}"),
            ("loss by rate", _curve(test)),
        ]
    )
    yield result.said
    yield from result.files


_BLOCKS = "▁▂▃▄▅▆▇█"
_CURVE_WIDTH = 50


def _curve(test: "RangeTest") -> str | None:
    """Draw the smoothed loss over the logarithm of the rate in a line, higher for larger ones.

    What rose over its beginning is as high as can be drawn, so that the fall is seen.
    """
    if len(test.smoothed) < 2:
        return None
    low, first = min(test.smoothed), test.smoothed[0]
    room = max(first - low, 1e-12)
    places = min(_CURVE_WIDTH, len(test.smoothed))
    shown = [test.smoothed[at * (len(test.smoothed) - 1) // (places - 1)] for at in range(places)]
    line = "".join(_BLOCKS[min(round(6 * (loss - low) / room), 7)] for loss in shown)
    rates = f"{test.rates[0]:.1g} {line} {test.rates[-1]:.2g}"
    return f"{rates}  ({first:.3g} at first, {low:.3g} at least)"


def sweep_summary(result: "SweepResult") -> "Iterable[RenderableType]":
    """Write the table of a sweep over labels."""
    folder = RunDirectory(result.run).sweep(result.sweep)
    arms, controls = list(result.table[0].mean), list(result.table[0].gain)
    given = {
        f"rates, {METHODS[arm]}": f"{chosen.lr:g}, in the stages {chosen.stack_lr:g} of it"
        for arm, chosen in result.settings.items()
    }
    yield facts(
        [
            ("run", result.run),
            ("sweep", result.sweep),
            ("draws of labels", len(result.table[0].draws)),
            ("judged on", plural(result.test, "test image")),
            ("always the largest class", f"{percent(1 - result.majority)} error"),
            ("frozen stages", result.freeze),
            *given.items(),
            ("figure", str(folder.figure_file)),
        ]
    )
    yield ""
    heads = [f"error, {METHODS[arm]}" for arm in arms]
    heads += [f"{METHODS[arm]} errs more, points" for arm in controls]
    rows = [[_count(point), *_cells(point)] for point in result.table]
    yield "means, with 95 % intervals over draws"
    yield table(["labels", *heads], rows)


def _count(point: "SweepPoint") -> str:
    return f"{count(point.labelled)} (all)" if point.labels == "all" else count(point.labels)


def _cells(point: "SweepPoint") -> list[str]:
    cells: list[str] = []
    for arm, mean in point.mean.items():
        low, high = point.interval[arm]
        cells.append(f"{percent(mean)} [{100 * low:.2f}, {100 * high:.2f}]")
    for gain in point.gain.values():
        low, high = gain.interval
        cells.append(f"{100 * gain.mean:+.2f} [{100 * low:+.2f}, {100 * high:+.2f}]")
    return cells


def _fitted(result: "FinetuneResult") -> tuple[str, object]:
    if result.train_error is not None:
        return "error on the labelled images", percent(result.train_error)
    loss = result.train_loss
    return "loss on the labelled images", None if loss is None else f"{loss:.4g}"


def _labels(result: "FinetuneResult") -> str:
    many = count(result.labelled)
    if result.labels == "all":
        return f"{many}, all there are"
    return f"{many}, drawn by seed {result.label_seed}"


def _unlabelled(result: "FinetuneResult") -> str | None:
    """Say how unlabelled images were learned from, if they were."""
    if result.semi is None or result.unlabelled is None:
        return None
    return f"{count(result.unlabelled)}, by {result.semi}"


def head_summary(result: "FinetuneResult") -> "Iterable[RenderableType]":
    """Write what a head was trained on, and how it fits."""
    yield facts(
        [
            ("run", result.run),
            ("head", result.head),
            ("kind", None if result.kind == "classification" else result.kind),
            ("begun from", "random weights" if result.from_scratch else "the pre-trained stages"),
            ("labels", _labels(result)),
            ("unlabelled images", _unlabelled(result)),
            ("validation labels", result.validation or None),
            ("frozen stages", result.freeze),
            ("classes" if result.kind == "classification" else "targets", len(result.classes)),
            _fitted(result),
            ("time", duration(result.seconds)),
        ]
    )

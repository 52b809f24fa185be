"""What `evaluate --units` prints; loaded late, as it needs rich."""

from collections.abc import Iterable

from rich.console import RenderableType

from featlearn.wording import caution, percent, plural
from featlearn.workflows.unit_results import UnitRow, UnitTestResult
from featlearn_cli.text import table

_FEW_GROUPS = 20
"""The bootstrap draws groups whole, and few of them do not show how groups differ."""


def unit_tables(result: UnitTestResult) -> Iterable[RenderableType]:
    """Say how units were tested, what each method comes to, and which unit is best for a class."""
    which = "training images" if result.split == "test" else "images"
    grouped = "" if result.groups is None else f" in {plural(result.groups, 'group')}"
    yield (
        f"Units chosen on {plural(result.chosen_on, which[:-1])} of {result.source}, scored on "
        f"{plural(result.scored_on, 'test image' if result.split == 'test' else 'other image')}"
        f"{grouped}"
    )
    several = len(result.positives) > 1
    what = f"the mean of {len(result.positives)} classes" if several else result.positives[0]
    yield f"Accuracy in telling one class from all others: {what}, with 95 % intervals"
    yield ""
    headers = ["", "chosen among", "accuracy", "interval", "AUC", "best unit is better by"]
    yield table(headers, [_unit_row(row) for row in result.rows])
    yield ""
    best, guess = result.rows[0], result.rows[-1]
    rows = [
        (
            score.positive,
            f"{score.stage} {score.unit}",
            percent(score.accuracy),
            _share(score.interval),
            None if score.chosen_accuracy is None else percent(score.chosen_accuracy),
            None if score.chance_accuracy is None else f"≤ {percent(score.chance_accuracy)}",
            None if score.auc is None else f"{score.auc:.3f}",
            None if score.selectivity is None else f"{score.selectivity:.2f}",
            percent(blind.accuracy),
        )
        for score, blind in zip(best.scores, guess.scores, strict=True)
    ]
    headers = ["class", "best unit", "accuracy", "interval", "where chosen", "by chance there"]
    yield table([*headers, "AUC", "d′", "majority guess"], rows)
    cautions = (caution(result.scored_on), _few_groups(result.groups), result.note)
    yield from (f"! {said}" for said in cautions if said is not None)


def _few_groups(groups: int | None) -> str | None:
    """Say that intervals by few groups promise too much."""
    if groups is None or groups >= _FEW_GROUPS:
        return None
    return (
        f"only {plural(groups, 'group')}: intervals by fewer than {_FEW_GROUPS} are too narrow, "
        "and have no width where all images are right"
    )


def _unit_row(row: UnitRow) -> list[object]:
    """Write the cells of a method."""
    better = None
    if row.behind is not None and row.behind_interval is not None:
        low, high = row.behind_interval
        better = f"{100 * row.behind:+.2f} points  [{100 * low:+.2f}, {100 * high:+.2f}]"
        if row.kind == "stage" and low == high == 0:
            better = "the same"
    words = {"stage": f"best of stage {row.name}", "run": f"best unit of {row.name}"}
    return [
        words.get(row.kind, row.name),
        row.candidates,
        percent(row.accuracy),
        _share(row.interval),
        None if row.auc is None else f"{row.auc:.3f}",
        better,
    ]


def _share(interval: tuple[float, float]) -> str:
    """Write an interval of shares in percent."""
    low, high = interval
    return f"{100 * low:.1f}–{100 * high:.1f} %"

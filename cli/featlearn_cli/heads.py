"""What heads come to, in words and tables."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from featlearn.wording import caution, count, percent, plural
from featlearn_cli.text import facts, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.workflows.judging import (
        EvaluateResult,
        Evaluation,
        MultiLabelEvaluation,
        RegressionEvaluation,
    )
    from featlearn.workflows.predict import PredictResult
    from featlearn.workflows.probe import ProbeResult
    from featlearn.workflows.task_figures import TaskFigures


def figures(result: "Evaluation") -> "Iterable[RenderableType]":
    """Write the figures of a head of any kind."""
    judged = plural(result.images, "test image" if result.split == "test" else "image")
    copies = f", each and {result.tta} changed as in training"
    common = [
        ("head", f"{result.head} of {result.run}"),
        ("judged on", f"{judged} of {result.source}{copies if result.tta else ''}"),
    ]
    match result.kind:
        case "classification":
            yield from _classes(result, common)
        case "regression":
            yield from _numbers(result, common)
        case "multi-label":
            yield from _labels(result, common)
    if result.note is not None:
        yield f"! {result.note}"
    if result.split == "test":
        yield from _tasks(result)


def _tasks(result: "Evaluation") -> "Iterable[RenderableType]":
    """Set the tasks of a run beside its single-task heads, where the head is one of these."""
    from featlearn.training.rundir import RunDirectory
    from featlearn.workflows.task_figures import ALONE, task_figures

    rows = task_figures(result.run)
    if result.head.removesuffix(ALONE) not in {row.task for row in rows}:
        return
    yield ""
    cells = [
        (row.task, row.measure, *(_summed(row, value) for value in (row.together, row.alone)))
        for row in rows
    ]
    yield table(["task", "", "learned with the others", "learned alone"], cells)
    missing = [row.task for row in rows if row.together is None]
    missing += [f"{row.task}{ALONE}" for row in rows if row.alone is None]
    trained = RunDirectory(result.run).heads()
    for name in missing:
        begin = f"featlearn evaluate {result.run} --head {name}"
        if name not in trained:
            task = name.removesuffix(ALONE)
            begin = f"featlearn finetune {result.run}" + f" --alone {task}" * (name != task)
        yield f"{name} is not {'judged on them' if name in trained else 'trained'}: `{begin}`"


def _summed(row: "TaskFigures", value: float | None) -> str | None:
    if value is None:
        return None
    return percent(value) if row.measure == "error" else f"{value:.3f}"


def predictions(result: "PredictResult") -> "Iterable[RenderableType]":
    """Write what a head says of images."""
    if result.csv is not None:
        yield result.csv.rstrip("\n")
        return
    yield facts([("images", result.images), ("head", result.head), ("written", result.out)])
    yield ""
    if result.kind == "regression":
        yield table(["target", "mean"], [(name, mean) for name, mean in result.means.items()])
        return
    yield table(["class", "images"], list(result.counts.items()))


def probe_table(result: "ProbeResult") -> "Iterable[RenderableType]":
    """Write how far linear classifiers get on every stage."""
    some = "" if result.labelled == result.available else f"{count(result.labelled)} of "
    yield (
        f"Linear classifiers on {some}{plural(result.available, 'labelled image')} of "
        f"{result.source}, judged on {plural(result.images, 'test image')}"
    )
    yield ""
    rows = [(row.stage, row.features, percent(row.accuracy)) for row in result.probes]
    yield table(["stage", "features", "accuracy"], rows)
    coarse = caution(result.images)
    if coarse is not None:
        yield f"! {coarse}"


def _classes(result: "EvaluateResult", common: list[tuple[str, str]]) -> "Iterable[RenderableType]":
    """Write the figures of a classification."""
    yield facts(
        [
            *common,
            ("accuracy", percent(result.accuracy)),
            ("error", percent(result.error)),
            ("always the largest class", f"{percent(result.majority)} accuracy"),
            ("calibration error", _reliability(result)),
        ]
    )
    yield ""
    rows = [
        (row.name, row.images, None if row.accuracy is None else percent(row.accuracy))
        for row in result.per_class
    ]
    yield table(["class", "images", "accuracy"], rows)
    coarse = caution(result.images)
    if coarse is not None:
        yield f"! {coarse}"


def _reliability(result: "EvaluateResult") -> str | None:
    """Say how reliable probabilities are."""
    found = result.calibration
    if found is None:
        return None
    if found.after is None:
        return f"{percent(found.before.ece)} (not calibrated)"
    after = f"{percent(found.after.ece)} at temperature {found.temperature:.3g}"
    return f"{after}, {percent(found.before.ece)} before"


def _numbers(
    result: "RegressionEvaluation", common: list[tuple[str, str]]
) -> "Iterable[RenderableType]":
    """Write the figures of a regression."""
    yield facts([*common, ("R² (0: naming the mean)", _shown(result.r2))])
    yield ""
    rows = [
        (row.name, *map(_short, (row.mae, row.rmse, row.deviation)), _shown(row.r2))
        for row in result.per_target
    ]
    yield table(["target", "mean abs. error", "RMSE", "RMSE of the mean", "R²"], rows)


def _labels(
    result: "MultiLabelEvaluation", common: list[tuple[str, str]]
) -> "Iterable[RenderableType]":
    """Write the figures of a multi-label head."""
    yield facts(
        [
            *common,
            ("mean average precision", _shown(result.map)),
            ("mean F1, F1 of all decisions", f"{_shown(result.f1)}, {_shown(result.micro_f1)}"),
            ("wrong decisions", percent(result.error)),
            ("images with all labels right", percent(result.exact)),
        ]
    )
    yield ""
    rows = [
        (row.name, row.images, _shown(row.ap), percent(row.images / result.images), _shown(row.f1))
        for row in result.per_label
    ]
    yield table(["label", "images", "average precision", "of knowing nothing", "F1"], rows)


def _shown(share: float | None) -> str | None:
    return None if share is None else f"{share:.3f}"


def _short(value: float) -> str:
    return f"{value:.4g}"

"""What `evaluate --representation` prints; loaded late, as it needs rich."""

from collections.abc import Iterable

from rich.console import RenderableType

from featlearn.evaluate.representation import StageRepresentation
from featlearn.wording import plural
from featlearn.workflows.representation import RepresentationResult
from featlearn_cli.text import table


def representation_tables(result: RepresentationResult) -> Iterable[RenderableType]:
    """Describe the stages beside those with random weights, and how like they are."""
    which = "test image" if result.split == "test" else "training image"
    yield f"Outputs of stages for {plural(result.images, which)} of {result.source}"
    yield ""
    headers = [
        "stage",
        "units",
        "lifetime sparsity",
        "kurtosis",
        "population sparsity",
        "effective rank",
        "duplicates",
        "explained",
    ]
    rows: list[list[object]] = []
    learned = zip(result.stages, result.kurtosis, strict=True)
    random = zip(result.random_weights, result.kurtosis_random, strict=True)
    pairs = zip(learned, random, result.explained, strict=True)
    for (stage, kurtosis), (control, by_chance), explained in pairs:
        rows.append([*_row(stage, stage.stage, kurtosis), _number(explained)])
        rows.append([*_row(control, "  random weights", by_chance), None])
    yield table(headers, rows)
    yield ""
    yield "Likeness of representations (linear CKA: 1 is the same but for a rotation)"
    yield ""
    names = [stage.stage for stage in result.stages]
    likeness = [
        [name, *map(_number, row), _number(random)]
        for name, row, random in zip(names, result.cka, result.cka_random, strict=True)
    ]
    yield table(["stage", *names, "its random weights"], likeness)
    for other in result.against:
        yield ""
        yield f"The same, with the stages of {other.run}"
        yield ""
        pairs = zip(names, other.cka, strict=True)
        yield table(["stage", *other.stages], [[name, *map(_number, row)] for name, row in pairs])
    few = [stage.stage for stage in result.stages if stage.units > result.images]
    if few:
        yield (
            f"! {', '.join(few)}: more units than images, so that CKA is too high and the rank is "
            "at most the number of images"
        )


def _row(stage: StageRepresentation, name: str, kurtosis: float | None) -> list[object]:
    """Write the cells of a stage."""
    return [
        name,
        stage.units,
        _number(stage.lifetime),
        None if kurtosis is None else f"{kurtosis:.1f}",
        _number(stage.population),
        f"{stage.effective_rank:.1f}",
        f"{100 * stage.duplicates:.1f} %",
    ]


def _number(value: float | None) -> str | None:
    """Write a figure in [0, 1]."""
    return None if value is None else f"{value:.3f}"

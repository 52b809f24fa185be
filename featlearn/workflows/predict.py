"""`predict`: classes and their probabilities, or numbers, for images without labels."""

from pathlib import Path

import msgspec
import torch
from torch import Tensor

from featlearn.config.heads import ClassificationSpec, HeadSpec, MultiLabelSpec, RegressionSpec
from featlearn.datasets.imageset import ImageSet
from featlearn.files import write_bytes
from featlearn.heads.answering import build_test_augment, mean_answers, outputs_of
from featlearn.training.device import pick_device, use_threads
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.head_results import head_kind
from featlearn.workflows.outputs import check_apart, check_new, csv_text
from featlearn.workflows.runs import TrainedHead, open_head, open_pictures


class PredictResult(msgspec.Struct, frozen=True, kw_only=True):
    """Predictions of a head.

    Attributes:
        run: The run.
        head: The head.
        source: Where the images came from.
        images: How many there are.
        kind: Kind of the head.
        counts: Images for each predicted class, or for each label that is more likely than not;
            empty for a regression.
        means: Of a regression, the mean of each predicted number; empty otherwise.
        out: The file that was written, if any.
        csv: The table itself, where no file was asked for.
    """

    run: str
    head: str
    source: str
    images: int
    kind: str = "classification"
    counts: dict[str, int]
    means: dict[str, float] = {}
    out: str | None = None
    csv: str | None = None


def predict(
    path: Path | str,
    source: str,
    *,
    root: Path | None = None,
    out: Path | str | None = None,
    head: str | None = None,
    tta: int = 0,
    device: str = "auto",
    threads: int | None = None,
    overwrite: bool = False,
) -> PredictResult:
    """Classify images, as a CSV table: image, predicted class, probability of each class.

    A hinge that was not calibrated has scores in place of probabilities. A multi-label head
    gives the probability of each label, a regression each number in its target's unit.

    Args:
        path: The run.
        source: Images, as any source.
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        out: The CSV file to write; without one the table is in the result.
        head: Name of the head; may be left out where there is only one.
        tta: Copies of each image, changed as in training, whose answers are averaged with
            its own.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations; PyTorch's own choice if absent.
        overwrite: Replace the file, if it is there.

    Raises:
        FeatlearnError: If the run, the head or the images stand in the way.
    """
    if out is not None:
        check_apart(Path(out), source=source, run=path, root=root)
        check_new(Path(out), overwrite=overwrite)
    run = RunDirectory.open(path)
    chosen = pick_device(device)
    use_threads(threads)
    trained = open_head(run, head, chosen)
    augment = build_test_augment(trained.recipe.finetune.augment) if tta else None
    shape = trained.classifier.stack.input_shape
    images = open_pictures(trained.recipe, source, root=root, shape=shape, device=chosen)
    outputs = outputs_of(
        trained.classifier, images, augment=augment, copies=tta, seed=trained.recipe.seed
    )
    answers = mean_answers(trained.classifier, outputs, temperature=trained.temperature).cpu()
    spec = trained.recipe.finetune.head
    table = _table(images.set, answers, trained, spec)
    if out is not None:
        write_bytes(Path(out), table.encode())
    return PredictResult(
        run=str(path),
        head=trained.name,
        source=source,
        images=len(images),
        kind=head_kind(spec),
        counts=_counts(answers, trained.classes, spec),
        means=_means(answers, trained.classes, spec),
        out=None if out is None else str(out),
        csv=table if out is None else None,
    )


def _counts(answers: Tensor, classes: tuple[str, ...], spec: HeadSpec) -> dict[str, int]:
    """Count the images that each class or label is said of."""
    match spec:
        case ClassificationSpec():
            winners = torch.bincount(answers.argmax(1), minlength=len(classes))
        case MultiLabelSpec():
            winners = (answers > 0.5).sum(0)
        case RegressionSpec():
            return {}
    return dict(zip(classes, winners.tolist(), strict=True))


def _means(answers: Tensor, names: tuple[str, ...], spec: HeadSpec) -> dict[str, float]:
    """Average each number that a regression predicts."""
    if not isinstance(spec, RegressionSpec):
        return {}
    return dict(zip(names, answers.double().mean(0).tolist(), strict=True))


def _table(images: ImageSet, answers: Tensor, trained: TrainedHead, spec: HeadSpec) -> str:
    """Write the table, a row for each image in the order of the source."""
    names, classified = trained.classes, isinstance(spec, ClassificationSpec)
    hinge = isinstance(spec, ClassificationSpec) and spec.loss == "hinge"
    scores = hinge and trained.temperature is None
    around = "score({})" if scores else "{}" if isinstance(spec, RegressionSpec) else "p({})"
    rows = [["image", *(["prediction"] if classified else []), *map(around.format, names)]]
    ids = images.ids or [str(place) for place in range(len(images))]
    for name, row in zip(ids, answers, strict=True):
        best = [names[int(row.argmax())]] if classified else []
        form = ".6g" if around == "{}" else ".6f"
        rows.append([name, *best, *(format(value, form) for value in row.tolist())])
    return csv_text(rows)

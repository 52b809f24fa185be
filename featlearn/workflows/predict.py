"""`predict`: classes and their probabilities for images without labels."""

from pathlib import Path

import msgspec
import torch
from torch import Tensor

from featlearn.datasets.imageset import ImageSet
from featlearn.files import write_bytes
from featlearn.heads.problem import logits_of
from featlearn.training.device import pick_device, use_threads
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.outputs import check_apart, check_new, csv_text
from featlearn.workflows.runs import open_head, open_pictures


class PredictResult(msgspec.Struct, frozen=True, kw_only=True):
    """Predictions of a head.

    Attributes:
        run: The run.
        head: The head.
        source: Where the images came from.
        images: How many there are.
        counts: Images for each predicted class.
        out: The file that was written, if any.
        csv: The table itself, where no file was asked for.
    """

    run: str
    head: str
    source: str
    images: int
    counts: dict[str, int]
    out: str | None = None
    csv: str | None = None


def predict(
    path: Path | str,
    source: str,
    *,
    root: Path | None = None,
    out: Path | str | None = None,
    head: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    overwrite: bool = False,
) -> PredictResult:
    """Classify images, as a CSV table: image, predicted class, probability of each class.

    Args:
        path: The run.
        source: Images, as any source.
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        out: The CSV file to write; without one the table is in the result.
        head: Name of the head; may be left out where there is only one.
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
    shape = trained.classifier.stack.input_shape
    images = open_pictures(trained.recipe, source, root=root, shape=shape, device=chosen)
    probabilities = torch.softmax(logits_of(trained.classifier, images), dim=1).cpu()
    table = _table(images.set, probabilities, trained.classes)
    if out is not None:
        write_bytes(Path(out), table.encode())
    winners = torch.bincount(probabilities.argmax(1), minlength=len(trained.classes))
    return PredictResult(
        run=str(path),
        head=trained.name,
        source=source,
        images=len(images),
        counts=dict(zip(trained.classes, winners.tolist(), strict=True)),
        out=None if out is None else str(out),
        csv=table if out is None else None,
    )


def _table(images: ImageSet, probabilities: Tensor, classes: tuple[str, ...]) -> str:
    """Write the table, a row for each image in the order of the source."""
    rows = [["image", "prediction", *(f"p({name})" for name in classes)]]
    ids = images.ids or [str(place) for place in range(len(images))]
    for name, row in zip(ids, probabilities, strict=True):
        shares = [f"{value:.6f}" for value in row.tolist()]
        rows.append([name, classes[int(row.argmax())], *shares])
    return csv_text(rows)

"""`evaluate`: figures of a head on images that training never saw."""

from pathlib import Path

import msgspec

from featlearn.config.recipe import Recipe
from featlearn.datasets.imageset import ImageSet, shared_images
from featlearn.datasets.labels import match_classes
from featlearn.datasets.source import open_splits
from featlearn.errors import FeatlearnError
from featlearn.evaluate.metrics import ClassScore, classification_report
from featlearn.files import write_json
from featlearn.heads.problem import logits_of
from featlearn.networks.formats import FORMAT
from featlearn.training.device import pick_device, use_threads
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.head_results import read_head_result
from featlearn.workflows.pretrain import read_result
from featlearn.workflows.runs import open_head, open_pictures, open_test


class EvaluateResult(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a head, as `evaluation.json` holds them.

    Attributes:
        run: The run.
        head: The head.
        source: Where the images came from.
        split: `test`, or `given` for images that the command named.
        images: How many there are.
        accuracy: Share named right, in [0, 1].
        error: `1 - accuracy`.
        majority: Share of the largest class: the accuracy of naming it every time.
        classes: Names of the classes, in the order of the confusion matrix.
        per_class: Accuracy within each class.
        confusion: `confusion[true][predicted]`, in images.
        seen: How many given images are, pixel for pixel, among the run's training
            images; None for the test split, or where that cannot be told: the training
            images are gone, or the run learned from random crops of them.
        note: A sentence about what the figures do not say, if there is one.
    """

    format: int = FORMAT
    run: str
    head: str
    source: str
    split: str
    images: int
    accuracy: float
    error: float
    majority: float
    classes: tuple[str, ...]
    per_class: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    seen: int | None = None
    note: str | None = None


def evaluate(
    path: Path | str,
    *,
    root: Path | None = None,
    source: str | None = None,
    head: str | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> EvaluateResult:
    """Measure a head of a run; figures on the run's own test split are kept beside it.

    Args are those of `measure`.

    Raises:
        FeatlearnError: If the run, the head or the data stand in the way.
        OSError: If the figures cannot be written.
    """
    result = measure(path, root=root, source=source, head=head, device=device, threads=threads)
    keep(result)
    return result


def keep(result: EvaluateResult) -> None:
    """Write figures on a run's own test split beside its head; others are of the moment.

    Raises:
        OSError: If they cannot be written.
    """
    if result.split == "test":
        file = RunDirectory(result.run).head(result.head).evaluation_file
        write_json(file, msgspec.to_builtins(result))


def measure(
    path: Path | str,
    *,
    root: Path | None = None,
    source: str | None = None,
    head: str | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> EvaluateResult:
    """Measure a head of a run, and write nothing.

    Args:
        path: The run.
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        source: Labelled images instead of the test split of the run's data; of a
            source that has splits, the test split. Whether the run learned from
            them is looked up and said, not refused.
        head: Name of the head; may be left out where there is only one.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations; PyTorch's own choice if absent.

    Raises:
        FeatlearnError: If the run, the head or the data stand in the way.
    """
    run = RunDirectory.open(path)
    chosen = pick_device(device)
    use_threads(threads)
    trained = open_head(run, head, chosen)
    shape = trained.classifier.stack.input_shape
    if source is None:
        of_head = read_head_result(run.head(trained.name)).fingerprints
        known = (read_result(run).data.fingerprints, of_head)
        images = open_test(trained.recipe, root=root, shape=shape, device=chosen, recorded=known)
    else:
        images = open_pictures(
            trained.recipe, source, root=root, shape=shape, device=chosen, split="test"
        )
    labels = match_classes(images.set, trained.classes)
    predictions = logits_of(trained.classifier, images).argmax(1).cpu().numpy()
    report = classification_report(labels, predictions, trained.classes)
    seen = None if source is None else _seen(trained.recipe, images.set, root=root)
    return EvaluateResult(
        run=str(path),
        head=trained.name,
        source=source or trained.recipe.data.source,
        split="test" if source is None else "given",
        seen=seen,
        note=None if source is None else _note(trained.recipe, seen, len(images)),
        **msgspec.structs.asdict(report),
    )


def _seen(recipe: Recipe, given: ImageSet, *, root: Path | None) -> int | None:
    """Count the given images that are among the training images of a recipe's data.

    Of random crops nothing is said: one central crop of each given image was judged, which
    equals a random one by chance only.
    """
    if recipe.data.crops is not None:
        return None
    try:
        train = open_splits(recipe.data, root=root, seed=recipe.seed).train
    except (FeatlearnError, OSError):
        return None
    return shared_images(given, train)


def _note(recipe: Recipe, seen: int | None, count: int) -> str | None:
    """Say what figures on given images are worth."""
    if recipe.data.crops is not None:
        return (
            "the run learned from random crops, which cannot be compared with the central crops "
            "judged here, so nothing says whether it learned from these images"
        )
    if seen is None:
        return (
            "the run's training images are not at hand, so nothing says whether it learned "
            "from these"
        )
    if seen:
        return (
            f"{seen} of these {count} images are among the run's training images, so the "
            "figures are not of images that it never saw"
        )
    return None

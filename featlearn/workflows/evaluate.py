"""`evaluate`: figures of a head on images that training never saw."""

from pathlib import Path

import msgspec

from featlearn.config.load import load_recipe
from featlearn.config.recipe import Recipe
from featlearn.datasets.imageset import ImageSet, shared_images
from featlearn.datasets.source import open_splits
from featlearn.errors import FeatlearnError, UsageError
from featlearn.files import write_json
from featlearn.heads.answering import build_test_augment, outputs_of
from featlearn.training.device import pick_device, use_threads
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.head_results import read_head_result
from featlearn.workflows.judging import (
    EvaluateResult,
    Evaluation,
    MultiLabelEvaluation,
    RegressionEvaluation,
    judge,
)
from featlearn.workflows.pretrain import read_result
from featlearn.workflows.runs import open_head, open_pictures, open_test


def evaluate(
    path: Path | str,
    *,
    root: Path | None = None,
    source: str | None = None,
    head: str | None = None,
    tta: int = 0,
    device: str = "auto",
    threads: int | None = None,
) -> EvaluateResult:
    """Measure a classification of a run; figures on the run's own test split are kept beside it.

    Args are those of `measure`.

    Raises:
        FeatlearnError: If the run, the head or the data stand in the way.
        UsageError: If the head is of another kind, which `evaluate_targets` measures.
        OSError: If the figures cannot be written.
    """
    result = measure(
        path, root=root, source=source, head=head, tta=tta, device=device, threads=threads
    )
    if not isinstance(result, EvaluateResult):
        raise UsageError(
            f"head {result.head!r} is of the kind {result.kind!r}: evaluate_targets measures it"
        )
    keep(result)
    return result


def evaluate_targets(
    path: Path | str,
    *,
    root: Path | None = None,
    source: str | None = None,
    head: str | None = None,
    tta: int = 0,
    device: str = "auto",
    threads: int | None = None,
) -> RegressionEvaluation | MultiLabelEvaluation:
    """Measure a head that predicts targets: numbers, or sets of labels; otherwise as `evaluate`.

    Args are those of `measure`.

    Raises:
        FeatlearnError: If the run, the head or the data stand in the way.
        UsageError: If the head is a classification, which `evaluate` measures.
        OSError: If the figures cannot be written.
    """
    result = measure(
        path, root=root, source=source, head=head, tta=tta, device=device, threads=threads
    )
    if isinstance(result, EvaluateResult):
        raise UsageError(f"head {result.head!r} is a classification: evaluate measures it")
    keep(result)
    return result


def keep(result: Evaluation) -> None:
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
    tta: int = 0,
    device: str = "auto",
    threads: int | None = None,
) -> Evaluation:
    """Measure a head of a run, and write nothing.

    Args:
        path: The run.
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        source: Labelled images instead of the test split of the run's data; of a
            source that has splits, the test split. Whether the run learned from
            them is looked up and said, not refused.
        head: Name of the head; may be left out where there is only one.
        tta: Copies of each image, changed as in training, whose answers are averaged with
            its own.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations; PyTorch's own choice if absent.

    Raises:
        FeatlearnError: If the run, the head or the data stand in the way.
    """
    run = RunDirectory.open(path)
    chosen = pick_device(device)
    use_threads(threads)
    trained = open_head(run, head, chosen)
    augment = build_test_augment(trained.recipe.finetune.augment) if tta else None
    shape = trained.classifier.stack.input_shape
    if source is None:
        of_head = read_head_result(run.head(trained.name)).fingerprints
        same = trained.recipe.data == load_recipe(run.recipe_file).data
        known = (read_result(run).data.fingerprints if same else {}, of_head)
        images = open_test(trained.recipe, root=root, shape=shape, device=chosen, recorded=known)
    else:
        images = open_pictures(
            trained.recipe, source, root=root, shape=shape, device=chosen, split="test"
        )
    outputs = outputs_of(
        trained.classifier, images, augment=augment, copies=tta, seed=trained.recipe.seed
    )
    seen = None if source is None else _seen(trained.recipe, images.set, root=root)
    return judge(
        trained,
        images.set,
        outputs,
        run=str(path),
        head=trained.name,
        source=source or trained.recipe.data.source,
        split="test" if source is None else "given",
        seen=seen,
        note=None if source is None else _note(trained.recipe, seen, len(images)),
        tta=tta,
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

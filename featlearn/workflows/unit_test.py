"""`evaluate --units`: the best single units of a run, with the controls that give them meaning."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Unpack

import msgspec

from featlearn.config.recipe import Recipe
from featlearn.datasets.imageset import ImageSet, shared_images
from featlearn.datasets.source import open_splits
from featlearn.errors import CheckpointError, FeatlearnError
from featlearn.evaluate.thresholds import THRESHOLDS
from featlearn.files import write_json
from featlearn.networks.formats import read_figures
from featlearn.networks.stack import Stack
from featlearn.networks.store import load_stack
from featlearn.training.pictures import Pictures
from featlearn.training.progress import Progress
from featlearn.training.rundir import RunDirectory
from featlearn.wording import count
from featlearn.workflows.pretrain import read_result
from featlearn.workflows.run_options import WorkOptions
from featlearn.workflows.running import Running
from featlearn.workflows.runs import open_beside
from featlearn.workflows.unit_cost import TooLongError, operations_of
from featlearn.workflows.unit_images import Asked, Subject, open_subject
from featlearn.workflows.unit_methods import (
    Bench,
    Counter,
    classifier_methods,
    filter_methods,
    majority_method,
    network_methods,
    other_method,
    random_stack,
)
from featlearn.workflows.unit_notes import lucky, unlike
from featlearn.workflows.unit_results import Method, StageScores, UnitTestResult, rows_of


def keep_units(result: UnitTestResult) -> str | None:
    """Write the figures into the run, in place of those of an earlier test.

    Returns:
        Which other test they take the place of, in a sentence; `None` if there was none.

    Raises:
        OSError: If they cannot be written.
    """
    file = RunDirectory(result.run).units_file
    replaced = _replaced(file, result)
    write_json(file, msgspec.to_builtins(result))
    return replaced


def _replaced(file: Path, result: UnitTestResult) -> str | None:
    """Say which test a file held, unless it was the same one."""
    if not file.exists():
        return None
    try:
        old = read_figures(file, UnitTestResult)
    except FeatlearnError:
        return f"{file} was not readable, and is replaced."
    if old == result:
        return None
    what = repr(old.positives[0]) if len(old.positives) == 1 else f"{len(old.positives)} classes"
    return (
        f"This replaces the figures of {old.source} ({what} looked for, seed {old.seed}) in "
        f"{file}, which holds the last test only."
    )


def measure_units(
    path: Path | str,
    *,
    source: str | None = None,
    positives: str | None = None,
    distractors: str | None = None,
    against: Sequence[Path | str] = (),
    labels: int | None = None,
    label_seed: int = 0,
    most: float | None = None,
    **how: Unpack[WorkOptions],
) -> UnitTestResult:
    """Find the best single units of a run, and write nothing.

    For each class, the unit, sign and threshold (of `THRESHOLDS`) that tell it best from all
    others are chosen on some images and scored once on others: chosen on training images and
    scored on test images where the data have these splits, else on two halves. So are the
    controls: the same network with random weights, images and means of clusters as linear
    filters, statistics of the image. Linear classifiers, which may use all units at once, stand
    beside as a ceiling.

    Args:
        path: The run.
        source: Labelled images instead of the run's own.
        positives: A class to look for; every class in turn if absent. With `distractors`, a
            source of images that have what is looked for.
        distractors: A source of images that do not have it.
        against: Other runs whose units are tested the same way, such as the network without
            contrast normalisation.
        labels: How many images to choose on, class-balanced; if absent all, or
            `MOST_CHOSEN` of them.
        label_seed: Seed of the halves, of the draw, of the controls and of the bootstrap.
        most: How many operations it may take, by a rough count; as many as it needs if absent.
        **how: `root` of the data sets, `device`, `threads` and `progress`: see `WorkOptions` in
            `featlearn.workflows.run_options`.

    Raises:
        FeatlearnError: If the run, the data or the options stand in the way.
        TooLongError: If it would take more operations than `most`.
    """
    run = RunDirectory.open(path)
    running = Running.prepare(**how)
    asked = Asked(source, positives, distractors, labels, label_seed)
    test = _opened(run, asked, against, running)
    if most is not None:
        needed = operations_of(test.recipe, test.stack, test.bench)
        if needed > most:
            raise TooLongError(needed)
    try:
        methods, stages = _tried(test, running.progress)
    finally:
        running.progress.stop()
    return _result(str(path), test, methods, stages)


class _Test(NamedTuple):
    """What is tested, and on what.

    Attributes:
        recipe: Of the run.
        stack: Its network.
        others: The networks of other runs, by their paths.
        bench: The images and what is looked for.
        train: What the run learned from; `None` where that is not at hand.
        said: What there is to say about the other runs.
    """

    recipe: Recipe
    stack: Stack
    others: dict[str, Stack]
    bench: Bench
    train: ImageSet | None
    said: list[str | None]


def _opened(
    run: RunDirectory, asked: Asked, against: Sequence[Path | str], running: Running
) -> _Test:
    """Open the run, the images and the other runs."""
    root = running.root
    recorded = read_result(run).data.fingerprints
    stack, recipe, _ = load_stack(run.path)
    stack = stack.to(running.device).eval()
    subject = open_subject(recipe, asked, shape=stack.input_shape, recorded=recorded, root=root)
    opened = {str(other): _other(other, stack, subject, recorded, root=root) for other in against}
    return _Test(
        recipe=recipe,
        stack=stack,
        others={name: other for name, (other, _) in opened.items()},
        bench=Bench.of(subject, seed=asked.seed, device=running.device),
        train=subject.train or _training_images(recipe, root=root),
        said=[said for _, said in opened.values()],
    )


def _tried(test: _Test, progress: Progress) -> tuple[list[Method], tuple[StageScores, ...]]:
    """Try the network, its controls and the other runs, one after the other."""
    bench, stack = test.bench, test.stack
    fitted_on = bench.chosen if test.train is None else Pictures(test.train, bench.device)
    counter = Counter(bench, progress, rounds=5 + len(test.others))
    methods, stages = network_methods(bench, stack, counter.named("the network"))
    untrained = random_stack(bench, test.recipe, stack, fitted_on)
    kinds = [("random-weights", "random weights", untrained)]
    kinds += [("run", name, other.to(bench.device)) for name, other in test.others.items()]
    for kind, name, other in kinds:
        methods.append(other_method(bench, kind, name, other, counter.named(name)))
    methods += filter_methods(bench, stack, fitted_on, counter)
    methods += classifier_methods(bench, stack, progress)
    methods.append(majority_method(bench))
    return methods, stages


def _result(
    run: str, test: _Test, methods: list[Method], stages: tuple[StageScores, ...]
) -> UnitTestResult:
    """Put the figures together, with what they do not say."""
    bench, subject = test.bench, test.bench.subject
    seen, note = _seen(test.recipe, subject, test.train)
    luck = lucky(methods[0], images=len(subject.chosen_on))
    return UnitTestResult(
        run=run,
        source=subject.source,
        split=subject.split,
        chosen_on=len(subject.chosen_on),
        scored_on=len(subject.scored_on),
        groups=None if subject.groups is None else len({*subject.groups.tolist()}),
        seed=bench.seed,
        thresholds=THRESHOLDS,
        positives=tuple(named.name for named in bench.classes),
        rows=rows_of(methods, groups=subject.groups, seed=bench.seed),
        stages=stages,
        seen=seen,
        note="; ".join(filter(None, (luck, unlike(subject), note, *test.said))) or None,
    )


def _other(
    path: Path | str,
    stack: Stack,
    subject: Subject,
    recorded: dict[str, str],
    *,
    root: Path | None,
) -> tuple[Stack, str | None]:
    """Open another run, which must take the same images, and say if it learned from them."""
    other, recipe, _ = open_beside(path, stack)
    if subject.split == "test":
        found = read_result(RunDirectory.open(path)).data.fingerprints.get("test")
        if found != recorded.get("test"):
            raise CheckpointError(
                f"{path} set other images apart for its test than the run did, so it may have "
                "learned from those that units are scored on; compare runs on the same data, or "
                "name other labelled images"
            )
        return other, None
    train = _training_images(recipe, root=root)
    return other, _seen(recipe, subject, train, whose=str(path))[1]


def _training_images(recipe: Recipe, *, root: Path | None) -> ImageSet | None:
    """Open what the run learned from, unless it is gone."""
    try:
        return open_splits(recipe.data, root=root, seed=recipe.seed).train
    except (FeatlearnError, OSError):
        return None


def _seen(
    recipe: Recipe, subject: Subject, train: ImageSet | None, *, whose: str = "the run"
) -> tuple[int | None, str | None]:
    """Count the given images that a run learned from, and say what that means."""
    if subject.split == "test":
        return None, None
    if train is None:
        scaled = ", and random weights were scaled on the images that units are chosen on"
        return None, (
            f"the training images of {whose} are not at hand, so nothing says whether it learned "
            f"from these{scaled if whose == 'the run' else ''}"
        )
    if recipe.data.crops is not None:
        return None, (
            f"{whose} learned from random crops, which cannot be compared with the images scored "
            "here, so nothing says whether it learned from these"
        )
    seen = shared_images(subject.scored_on, train)
    if not seen:
        return 0, None
    return seen, (
        f"{count(seen)} of the {count(len(subject.scored_on))} images that units are scored on are "
        f"among the training images of {whose}; it saw them without labels"
    )

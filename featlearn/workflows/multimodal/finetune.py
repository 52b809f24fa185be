"""`finetune` where a run has several modalities."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Unpack

import msgspec
import numpy as np

from featlearn.config.changes import Overrides, override_texts
from featlearn.config.load import dump_recipe, load_any_recipe
from featlearn.config.modalities import MultimodalRecipe
from featlearn.datasets.imageset import ImageSet, Indices
from featlearn.datasets.labels import whole_labels
from featlearn.errors import CheckpointError, UsageError
from featlearn.files import checksums, write_json
from featlearn.heads.fusion import FusionClassifier
from featlearn.heads.fusion_problem import FusionProblem
from featlearn.heads.fusion_store import save_fusion
from featlearn.networks.formats import FORMAT, read_figures
from featlearn.networks.multimodal_store import load_multimodal
from featlearn.seeds import whole_seed
from featlearn.training.described import Described
from featlearn.training.identity import Environment
from featlearn.training.loop import Loop
from featlearn.training.pictures import Pictures
from featlearn.training.rates import check_warmup
from featlearn.training.rundir import DEFAULT_HEAD, HeadFolder, RunDirectory
from featlearn.workflows.head_plan import chosen_seed, head_place, settings_on
from featlearn.workflows.multimodal.pretrain import read_multimodal_result
from featlearn.workflows.multimodal.samples import (
    check_same,
    fingerprints,
    labelled_pairs,
    labels_of_all,
    open_modalities,
    train_sets,
)
from featlearn.workflows.run_options import RunOptions
from featlearn.workflows.running import Training, reading_run


class FusionOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What decides a head beside the recipe.

    Attributes:
        labels: How many labelled pairs to use; all if absent.
        label_seed: Seed of their draw.
        seed: Seed of weights, order and noise.
    """

    labels: int | None
    label_seed: int
    seed: int

    def words(self) -> list[str]:
        """Repeat the options of the command."""
        words = ["--seed", str(self.seed)]
        if self.labels is not None:
            words += ["--labels", str(self.labels), "--label-seed", str(self.label_seed)]
        return words


class FusionResult(msgspec.Struct, frozen=True, kw_only=True):
    """What fine-tuning over several modalities came to, as a head's `results.json` holds it.

    `labelled` counts the pairs, `alone` the labelled samples of each modality.
    """

    format: int = FORMAT
    command: str = "finetune"
    run: str
    head: str
    kind: str
    labels: int | Literal["all"]
    label_seed: int
    labelled: int
    alone: dict[str, int]
    seed: int
    epochs: int
    seconds: float
    loss: float | None
    classes: list[str]
    fingerprints: dict[str, str]
    environment: Environment
    files: dict[str, str]


class _Labelled(msgspec.Struct, frozen=True):
    """Labelled samples of all modalities: sets, classes alike in all, and pairs."""

    sets: Sequence[ImageSet]
    labels: Sequence[Indices]
    pairs: Indices


def finetune_modalities(
    path: Path | str,
    *,
    name: str | None = None,
    labels: int | None = None,
    label_seed: int = 0,
    seed: int | None = None,
    overrides: Overrides = (),
    **how: Unpack[RunOptions],
) -> FusionResult:
    """Train a head over the modalities of a run, in `RUN/heads/NAME`.

    Args:
        path: The run; its own files are not changed.
        name: Name of the head; `default` if absent.
        labels: How many labelled pairs to use, class-balanced, and of each modality only the
            samples in these; all if absent.
        label_seed: Seed of the draw of labels.
        seed: Seed of weights, order and noise; the recipe's if absent.
        overrides: Values by key, or `finetune.KEY=VALUE` texts.
        **how: `root` of the data sets, `device`, `threads`, `progress`, `resume`, `overwrite`,
            `save_seconds` and `track`: see `RunOptions` in `featlearn.workflows.run_options`.

    Raises:
        FeatlearnError: If the run, the data or the options stand in the way.
        Interrupted: If a signal asked for a stop, after a checkpoint.
    """
    texts = override_texts(overrides)
    running = Training.prepare(**how)
    with reading_run(path) as run:
        recipe = _head_recipe(run, texts)
        options = FusionOptions(
            labels=whole_labels(labels),
            label_seed=whole_seed(label_seed, name="label_seed"),
            seed=chosen_seed(recipe, seed),
        )
        chosen = DEFAULT_HEAD if name is None else name
        with head_place(run, chosen, options.words(), texts) as (folder, command):
            return _finetune(run, folder, recipe, options, running, command=command)


def _finetune(
    run: RunDirectory,
    folder: HeadFolder,
    recipe: MultimodalRecipe,
    options: FusionOptions,
    running: Training,
    *,
    command: Sequence[str],
) -> FusionResult:
    """Train a head in a folder that no other training writes into."""
    identity = running.identity(settings_on(run, recipe, msgspec.to_builtins(options)))
    if not running.ready(folder, identity):
        return read_fusion_result(folder)
    splits = open_modalities(recipe, root=running.root)
    check_same(run.path, read_multimodal_result(run).fingerprints, splits)
    known = fingerprints(splits)
    sets = train_sets(splits)
    identity = running.naming(folder, identity, {"images": sum(map(len, sets)), **known})
    data = _labelled(recipe, sets, options)
    problem, loop = _start(run, recipe, data, options, running)
    classifier = problem.classifier
    with running.driving(
        folder, identity, dump_recipe(recipe), stack=None, command=command
    ) as driver:
        for each in problem.described:
            each.prepare(driver.count)
        running.take(loop, classifier, driver)
    _write_head(folder, classifier, recipe, options, data)
    result = FusionResult(
        run=str(run.path),
        head=folder.path.name,
        kind=str(recipe.finetune.head.__struct_config__.tag),
        labels="all" if options.labels is None else options.labels,
        label_seed=options.label_seed,
        labelled=len(data.pairs),
        alone=dict(zip(recipe.names, map(len, data.sets), strict=True)),
        seed=options.seed,
        epochs=loop.state.epoch,
        seconds=running.whole_seconds(driver.standing.results),
        loss=loop.state.last_loss,
        classes=list(sets[0].classes),
        fingerprints=known,
        environment=running.environment,
        files=checksums(folder.model_file, folder.labels_file, folder.recipe_file),
    )
    driver.finish(msgspec.to_builtins(result))
    return result


def _write_head(
    folder: HeadFolder,
    classifier: FusionClassifier,
    recipe: MultimodalRecipe,
    options: FusionOptions,
    data: _Labelled,
) -> None:
    """Write the model and which pairs it learned from."""
    classes = data.sets[0].classes
    decided = msgspec.to_builtins(options)
    save_fusion(folder.model_file, classifier, recipe, classes, options=decided)
    pairs = None if options.labels is None else data.pairs.tolist()
    write_json(folder.labels_file, {"format": FORMAT, "classes": list(classes), "pairs": pairs})


def _labelled(
    recipe: MultimodalRecipe, sets: Sequence[ImageSet], options: FusionOptions
) -> _Labelled:
    """Draw labelled pairs; with a number of them, nothing else has a label."""
    labels = labels_of_all(recipe.names, sets, sets[0].classes)
    pairs = labelled_pairs(recipe, sets, labels, count=options.labels, seed=options.label_seed)
    if options.labels is None:
        return _Labelled(sets, labels, pairs)
    used = [np.unique(pairs[:, place]) for place in range(len(sets))]
    moved = [np.searchsorted(chosen, pairs[:, place]) for place, chosen in enumerate(used)]
    return _Labelled(
        [each.subset(chosen) for each, chosen in zip(sets, used, strict=True)],
        [each[chosen] for each, chosen in zip(labels, used, strict=True)],
        np.stack(moved, 1),
    )


def _start(
    run: RunDirectory,
    recipe: MultimodalRecipe,
    data: _Labelled,
    options: FusionOptions,
    running: Training,
) -> tuple[FusionProblem, Loop]:
    """Put a head on the run's network, and set up its training."""
    net = load_multimodal(run.path).net
    spec = recipe.finetune
    classifier = FusionClassifier(
        net, spec.head, classes=len(data.sets[0].classes), seed=options.seed
    ).to(running.device)
    samples = [
        Described(net, place, Pictures(each, running.device), spec=modality, seed=options.seed)
        for place, (modality, each) in enumerate(zip(recipe.modalities, data.sets, strict=True))
    ]
    problem = FusionProblem(classifier, spec, samples, labels=data.labels, pairs=data.pairs)
    loop = Loop(problem, spec, epochs=spec.epochs, seed=options.seed)
    check_warmup(spec.rate, steps=loop.total_steps, phase=problem.name, table="finetune")
    return problem, loop


def _head_recipe(run: RunDirectory, overrides: Sequence[str]) -> MultimodalRecipe:
    """Read the run's recipe, with its `[finetune]` changed as asked."""
    recipe = load_any_recipe(run.recipe_file, overrides=overrides)
    own = load_any_recipe(run.recipe_file)
    if not isinstance(recipe, MultimodalRecipe) or not isinstance(own, MultimodalRecipe):
        raise CheckpointError(f"{run.path} is not a run of several modalities")
    if msgspec.structs.replace(recipe, finetune=own.finetune) != own:
        raise UsageError(
            "only finetune.* can be set here; the rest is how the run was trained: "
            f"got {', '.join(overrides)}"
        )
    return recipe


def read_fusion_result(folder: HeadFolder) -> FusionResult:
    """Read what a finished head came to.

    Raises:
        CheckpointError: If `results.json` is not what `finetune` writes.
    """
    return read_figures(folder.results_file, FusionResult)

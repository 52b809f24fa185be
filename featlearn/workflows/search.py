"""`sweep`: search for the values of a recipe's keys with which it learns best."""

from pathlib import Path
from typing import Unpack

import msgspec

from featlearn.config.changes import Overrides
from featlearn.config.load import as_recipe, dump_recipe
from featlearn.config.recipe import Recipe
from featlearn.config.space import corner_params, with_params
from featlearn.config.tables import as_tables
from featlearn.datasets.entries import told_shape
from featlearn.datasets.imageset import ImageSet, Splits
from featlearn.datasets.source import open_splits
from featlearn.errors import DeviceError, Interrupted, RecipeError, UsageError
from featlearn.geometry import MapShape
from featlearn.training.identity import Identity
from featlearn.training.locks import writing_in
from featlearn.training.progress import Silent
from featlearn.training.rundir import RunDirectory, SearchFolder
from featlearn.workflows.changes import check_fit
from featlearn.workflows.labelled import unlabelled_images
from featlearn.workflows.memory import check_memory
from featlearn.workflows.outputs import check_apart
from featlearn.workflows.pretrain import pretrain
from featlearn.workflows.run_options import ResumeOptions
from featlearn.workflows.running import Running
from featlearn.workflows.search_making import Search, make_trials
from featlearn.workflows.search_plan import TRIALS, Labels, check_budget, make_plan, odd_keys
from featlearn.workflows.search_results import SearchResult, find_best, write_results
from featlearn.workflows.search_store import SearchStore, check_tuning, open_store
from featlearn.workflows.search_trials import SearchBench, check_taught


def search_recipe(
    recipe: Recipe | str | Path,
    *,
    out: Path | str,
    spaces: Overrides,
    trials: int = TRIALS,
    budget: float | None = None,
    sampler: str = "tpe",
    pruner: str = "median",
    labels: Labels | None = None,
    label_seed: int = 0,
    **how: Unpack[ResumeOptions],
) -> SearchResult:
    """Try values of a recipe's keys, one trial after the other, and keep the best.

    Only training images are looked at. Every trial has the recipe's seed; which values are
    tried follows from it too, so that the same search tries the same values.

    Args:
        recipe: What is searched; or its name or path.
        out: Folder to make, with `best.toml`, `sweep.png`, `results.json` and `sweep.db`.
        spaces: What to try, as `{"pretrain.optimizer.lr": "1e-4..1e-1:log"}` or
            `KEY=SPACE` texts; see `parse_spaces`.
        trials: How many trials; a finished search goes on if more are asked for.
        budget: Seconds after which the search ends, with the trials that are done by then.
        sampler: `tpe`, or `random`.
        pruner: `median`, `halving` or `none`: how trials are stopped early.
        labels: Minimise the error of fine-tuning with so many labels, or `all`, on other
            labelled training images, instead of the held-out loss of pre-training.
        label_seed: Seed of the draw of labels.
        **how: `root` of the data sets, `device`, `threads`, `progress`, `resume` and
            `overwrite`: see `ResumeOptions` in `featlearn.workflows.run_options`.

    Raises:
        FeatlearnError: If the recipe, what to try, the data or the folder stand in the way,
            or no trial came to its end.
        Interrupted: If a signal asked for a stop.
    """
    check_tuning()
    check_budget(budget)
    recipe = as_recipe(recipe)
    plan = make_plan(
        recipe,
        spaces,
        sampler=sampler,
        pruner=pruner,
        labels=labels,
        label_seed=label_seed,
        trials=trials,
    )
    check_taught(recipe, plan)
    running = Running.prepare(**how)
    check_apart(Path(out), source=recipe.data.source, root=running.root)
    search = Search(recipe, plan, SearchFolder(out), running, budget)
    with writing_in(search.folder.path):
        return _search(search)


def _search(search: Search) -> SearchResult:
    """Search in a folder that nothing else writes into."""
    recipe, plan, folder, told = search.recipe, search.plan, search.folder, search.told
    settings = {**as_tables(recipe), "options": plan.settings()}
    identity = search.running.identity(settings)
    _check_folder(search, identity)
    train = _images(search)
    others = unlabelled_images(search.recipe, train, root=search.running.root)
    identity = search.running.with_data(
        folder, identity, Splits(train, None), unlabelled=None if others is train else others
    )
    for key in odd_keys(plan):
        told.warn(
            f"{key} may change what the held-out loss measures, so that a lower one need not mean "
            "better features; to compare by what they are good for, add --labels N"
        )
    bench = SearchBench(recipe, plan, train, search.running.device, root=search.running.root)
    if not plan.shared:  # else pre-training says so itself
        check_memory(recipe, train.shape, search.running.device, told, images=len(train))
    folder.begin(dump_recipe(recipe), identity, resume=search.running.resume)
    with open_store(folder.metrics_file, plan, seed=recipe.seed) as store:
        try:
            bench.pretrained = _pretrained(search)
            make_trials(search, bench, store)
        except Interrupted as stop:
            raise Interrupted(
                stop.signal_number,
                f"stopped; {len(store.trials)} of {plan.trials} trials are kept. "
                f"Go on with: {search.command}",
            ) from None
        finally:
            told.stop()
        return _written(search, bench, store, identity)


def _check_folder(search: Search, identity: Identity) -> None:
    """Refuse to search where that would lose something, or go on with another search."""
    running, folder = search.running, search.folder
    folder.check(resume=running.resume, overwrite=running.overwrite)
    if running.resume:
        begun = Identity.load(folder.identity_file)
        now = msgspec.structs.replace(identity, data=begun.data)
        for warning in begun.check(now, folder.path):
            search.told.warn(warning)


def _images(search: Search) -> ImageSet:
    """Read the training split, and refuse values that do not fit its images."""
    data, seed = search.recipe.data, search.recipe.seed
    told = told_shape(data)
    if told is not None:  # before images are read, which may take a while
        _check_fit(search, told)
    train = open_splits(data, root=search.running.root, seed=seed).train
    if told is None:
        _check_fit(search, train.shape)
    return train


def _check_fit(search: Search, shape: MapShape) -> None:
    """Refuse a recipe that does not fit its images, and values with which it would not."""
    device = search.running.device
    check_fit(search.recipe, shape)
    for space, params in corner_params(search.plan.spaces):
        changed = with_params(search.recipe, params)
        try:
            check_fit(changed, shape)
            check_memory(changed, shape, device, Silent())
        except (RecipeError, DeviceError) as error:
            (value,) = params.values()
            raise UsageError(f"{space.text}: with {value}, {error}") from None


def _pretrained(search: Search) -> Path | None:
    """Train the stages that all trials begin from, if they have them in common."""
    if not search.plan.shared:
        return None
    run = RunDirectory(search.folder.pretrained)
    if not run.finished:
        search.told.note("all trials share one pre-training, as only finetune keys are searched")
        pretrain(
            search.recipe,
            out=run.path,
            root=search.running.root,
            device=str(search.running.device),
            threads=search.running.environment.threads,
            resume=run.started,
            progress=search.told,
        )
    return RunDirectory.open(run.path).path


def _written(
    search: Search, bench: SearchBench, store: SearchStore, identity: Identity
) -> SearchResult:
    """Write what the trials came to.

    Raises:
        TrainingError: If none is complete.
    """
    plan, folder, trials = search.plan, search.folder, store.trials
    result = SearchResult(
        folder=str(folder.path),
        title=search.recipe.title,
        minimised=plan.minimised,
        spaces={space.key: space.text.partition("=")[2] for space in plan.spaces},
        best=find_best(trials, search),
        trials=trials,
        asked=max(plan.trials, len(trials)),
        sampler=plan.sampler,
        pruner=plan.pruner,
        labels=plan.labels,
        label_seed=plan.label_seed,
        judged=bench.judged,
        seed=search.recipe.seed,
        best_recipe=str(folder.best_file),
        figure=str(folder.figure_file),
        seconds=round(sum(trial.seconds for trial in trials), 3),
        environment=identity.environment,
        fingerprints={"train": str(identity.data["train"])},
        files={},
    )
    return write_results(search, result, [store.params_of(trial) for trial in trials])

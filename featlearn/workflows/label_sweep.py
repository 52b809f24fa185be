"""`finetune` on several numbers of labels and draws of them: what labels are worth."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

import msgspec
import numpy as np

from featlearn.config.changes import Overrides, override_texts
from featlearn.config.load import dump_recipe
from featlearn.config.recipe import Recipe
from featlearn.datasets.labels import match_classes
from featlearn.errors import Interrupted
from featlearn.files import checksums, write_json
from featlearn.training.identity import Identity
from featlearn.training.locks import writing_in
from featlearn.training.progress import Progress
from featlearn.training.rundir import RunDirectory, SweepFolder
from featlearn.training.signals import Stopped, stop_signals
from featlearn.visualize.label_sweep import label_sweep_figure
from featlearn.visualize.style import save_figure
from featlearn.wording import percent
from featlearn.workflows.few_labels import TUNING_SEEDS, choose_settings
from featlearn.workflows.head_plan import (
    check_same_images,
    chosen_seed,
    head_recipe,
    resume_command,
    scratch_stack_lr,
    settings_on,
)
from featlearn.workflows.labelled import Drawn
from featlearn.workflows.run_options import ResumeOptions
from featlearn.workflows.running import Running, reading_run
from featlearn.workflows.sweep_plan import DRAWS, Labels, SweepPlan, grid, make_plan
from featlearn.workflows.sweep_results import (
    SweepPoint,
    SweepResult,
    SweepTuning,
    read_sweep_result,
    sum_up,
)
from featlearn.workflows.trial import PRETRAINED, Score, Setting, Trial
from featlearn.workflows.trial_log import TrialLog
from featlearn.workflows.trials import Workbench


def sweep_labels(
    path: Path | str,
    *,
    labels: Sequence[Labels],
    draws: int = DRAWS,
    controls: Sequence[str] = (),
    tune: bool = False,
    name: str = "labels",
    freeze: int | None = None,
    seed: int | None = None,
    overrides: Overrides = (),
    **how: Unpack[ResumeOptions],
) -> SweepResult:
    """Fine-tune a run on several numbers of labels, with several draws of each.

    Every trial is the head that `finetune` trains on one thread with the same labels,
    `label_seed` and `seed`, judged on the test split as `evaluate` does. Heads are not
    kept; figures go into `RUN/sweeps/NAME`, trial by trial.

    Args:
        path: The run; its own files are not changed.
        labels: Numbers of labels, or `all`.
        draws: Draws for each number, by the label seeds 0, 1, …
        controls: `scratch`, the same network from random weights, and `pixels`, a
            linear classifier on the plain images, on the same draws.
        tune: Choose learning rates for each method, out of the same ones, on other draws
            and by training images that they leave; else the recipe's are taken for all.
        name: Name of the sweep.
        freeze: Stages to leave as they are; the recipe's if absent.
        seed: Seed of the first draw's weights; the recipe's if absent.
        overrides: Values by key, as `{"finetune.freeze": 1}`, or `finetune.KEY=VALUE` texts.
        **how: `root` of the data sets, `device`, `threads`, `progress`, `resume` and
            `overwrite`: see `ResumeOptions` in `featlearn.workflows.run_options`. The threads
            make as many trials at once on the CPU, each on one thread, and change nothing but
            the time.

    Raises:
        FeatlearnError: If the run, the data or the options stand in the way.
        Interrupted: If a signal asked for a stop.
    """
    overrides = override_texts(overrides)
    running = Running.prepare(**how)
    with reading_run(path) as run:
        recipe = head_recipe(run, overrides, freeze=freeze)
        plan = make_plan(
            labels,
            draws=draws,
            controls=controls,
            tune=tune,
            freeze=recipe.finetune.freeze,
            seed=chosen_seed(recipe, seed),
            scratch_stack_lr=scratch_stack_lr(recipe, overrides),
        )
        folder = run.sweep(name)
        command = resume_command(run.path, name, plan.words(), overrides)
        with writing_in(folder.path):
            return _sweep(run, folder, recipe, plan, running, command=command)


def _sweep(
    run: RunDirectory,
    folder: SweepFolder,
    recipe: Recipe,
    plan: SweepPlan,
    running: Running,
    *,
    command: Sequence[str],
) -> SweepResult:
    """Make a sweep in a folder that nothing else writes into."""
    identity = _identity(run, recipe, plan, running)
    if not running.ready(folder, identity):
        return read_sweep_result(folder)
    bench = Workbench(run.path, root=running.root, device=str(running.device), recipe=recipe)
    check_same_images(run, recipe, bench.splits)
    for trial in plan.tuning(recipe)[:1]:
        bench.check(trial)
    drawn = [bench.check(plan.trials(count, {})[0]) for count in plan.labels]
    identity = running.with_data(folder, identity, bench.splits, unlabelled=bench.others)
    if running.resume:
        for warning in Identity.load(folder.identity_file).check(identity, folder.path):
            running.progress.warn(warning)
    folder.begin(dump_recipe(recipe), identity, resume=running.resume)
    log = _open_log(bench, folder, plan, running.progress)
    try:
        with stop_signals(at_once=True):
            return _make(bench, log, folder, plan, drawn, workers=running.environment.threads)
    except Stopped as stop:
        raise Interrupted(
            stop.signal_number,
            f"stopped; {len(log.known)} of {plan.total(recipe)} trials are kept. Go on with: "
            f"{shlex.join([*command, *running.words])}",
        ) from None
    finally:
        running.progress.stop()


def _identity(run: RunDirectory, recipe: Recipe, plan: SweepPlan, running: Running) -> Identity:
    """Name everything that decides a sweep's bytes; how many trials run at once does not."""
    options = msgspec.to_builtins(plan)
    if plan.scratch_stack_lr == recipe.finetune.stack_lr:  # as in sweeps that knew no other
        del options["scratch_stack_lr"]
    identity = running.identity(settings_on(run, recipe, options))
    alone = msgspec.structs.replace(identity.environment, threads=1)
    return msgspec.structs.replace(identity, environment=alone)


def _open_log(
    bench: Workbench, folder: SweepFolder, plan: SweepPlan, progress: Progress
) -> TrialLog:
    """Open what is known of the trials, and show the others as they are made."""
    total = plan.total(bench.recipe)

    def tell(done: int, trial: Trial, score: Score) -> None:
        words = f"{trial.words}: error {percent(score.error)}"
        progress.count("trials", done=done, of=total, words=words)

    log = TrialLog(bench, folder.metrics_file, told=tell)
    progress.count("trials", done=len(log.known), of=total)
    return log


def _make(
    bench: Workbench,
    log: TrialLog,
    folder: SweepFolder,
    plan: SweepPlan,
    drawn: Sequence[Drawn],
    *,
    workers: int,
) -> SweepResult:
    """Make all trials, and write what they came to."""
    unchosen = plan.unchosen(bench.recipe)
    own = unchosen[PRETRAINED]
    # What the recipe says itself is left out, as in sweeps that knew nothing else.
    chosen = {arm: setting for arm, setting in unchosen.items() if setting != own}
    if plan.tuned:
        chosen = choose_settings(
            log,
            grid(bench.recipe),
            plan.tuned,
            labels=plan.tuning_labels,
            workers=workers,
            seed=plan.seed,
        )
    trials = [trial for count in plan.labels for trial in plan.trials(count, chosen)]
    scores = dict(zip(trials, log.scores(trials, workers=workers), strict=True))
    table = [
        sum_up(count, draw, plan.trials(count, chosen), scores)
        for count, draw in zip(plan.labels, drawn, strict=True)
    ]
    figure = label_sweep_figure(
        [point.labelled for point in table],
        {arm: [[draw.error[arm] for draw in p.draws] for p in table] for arm in plan.arms},
    )
    save_figure(figure, folder.figure_file)
    result = _result(bench, folder, plan, unchosen | chosen, table)
    write_json(folder.results_file, msgspec.to_builtins(result))
    return result


def _result(
    bench: Workbench,
    folder: SweepFolder,
    plan: SweepPlan,
    settings: dict[str, Setting],
    table: list[SweepPoint],
) -> SweepResult:
    """Sum up a sweep whose trials are made."""
    labels = match_classes(bench.test, bench.train.classes)
    tuning = None
    if plan.tuned:
        tuning = SweepTuning(
            tried=grid(bench.recipe),
            labels=plan.tuning_labels,
            draws=len(TUNING_SEEDS),
            images=bench.left(plan.tuning_labels),
        )
    return SweepResult(
        run=str(folder.run),
        sweep=folder.path.name,
        table=table,
        settings=settings,
        tuning=tuning,
        freeze=plan.freeze,
        seed=plan.seed,
        test=len(labels),
        majority=int(np.bincount(labels).max()) / len(labels),
        classes=list(bench.train.classes),
        fingerprints=bench.splits.fingerprints(),
        environment=Identity.load(folder.identity_file).environment,
        files=checksums(folder.metrics_file, folder.figure_file),
    )

"""`featlearn finetune`."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from featlearn.config.semi import SEMI_KINDS
from featlearn_cli.modalities import finetune_several, has_modalities
from featlearn_cli.options import Training, example, training_options
from featlearn_cli.params import Labels, LabelsParam, PathParam, RunParam
from featlearn_cli.tasks import has_tasks, train_tasks


@click.command(
    "finetune",
    epilog=example(
        "featlearn finetune runs/local --labels 1000",
        "featlearn finetune runs/local --labels 1000 --from-scratch",
        "featlearn finetune runs/local --labels 1000 --find-lr --out pictures",
        "featlearn finetune runs/local --labels 100 --semi fixmatch --name fixmatch",
        "featlearn finetune runs/local --name slow --set finetune.optimizer.lr=1e-4",
        "featlearn finetune runs/local --labels 100,300,1000 --label-seeds 10 --control scratch",
    ),
)
@click.argument("run", type=RunParam())
@click.option(
    "--name",
    help="Of the head, or of the sweep. [default: default, or scratch with --from-scratch; "
    "labels for a sweep]",
)
@click.option(
    "--labels",
    type=LabelsParam(),
    metavar="N[,N...]",
    help="How many labels, or `all`; several make a sweep. [default: all]",
)
@click.option(
    "--label-seed",
    type=click.IntRange(min=0),
    help="Of the draw of the labelled images. [default: 0]",
)
@click.option(
    "--label-seeds",
    type=click.IntRange(min=2, max=1000),
    metavar="N",
    help="Sweep over the draws 0 to N-1 of each number of labels. [default: 10, with several "
    "--labels]",
)
@click.option(
    "--control",
    "controls",
    type=click.Choice(["scratch", "pixels"]),
    multiple=True,
    help="In a sweep, compare with the same network from random weights, or with a linear "
    "classifier on the plain images, on the same draws; may be repeated.",
)
@click.option(
    "--tune",
    is_flag=True,
    help="In a sweep, choose the learning rates of each method, from the same ones, on other "
    "draws and training images.",
)
@click.option(
    "--freeze", type=click.IntRange(min=0), help="Keep so many stages as they were learned."
)
@click.option(
    "--semi",
    type=click.Choice([*SEMI_KINDS, "none"]),
    metavar="KIND",
    help=f"Learn from unlabelled images too: {', '.join(SEMI_KINDS)}; or none, where the recipe "
    "does. Its numbers are set by --set finetune.semi.KEY=VALUE.",
)
@click.option("--from-scratch", is_flag=True, help="Begin with random weights: the control.")
@click.option(
    "--find-lr",
    is_flag=True,
    help="Train nothing: try rates on these labels, and suggest one for finetune.optimizer.lr.",
)
@click.option(
    "--out",
    type=PathParam(path_type=Path, file_okay=False),
    help="With --find-lr: folder for a plot of the rates tried, rates.png and rates.svg. The "
    "curve is written in a line, too.",
)
@click.option(
    "--alone",
    metavar="TASK",
    help="Of a recipe with [[tasks]]: train this one by itself, as TASK-alone, to compare.",
)
@training_options("finetune.optimizer.lr=1e-4")
def command(
    *,
    run: Path,
    name: str | None,
    labels: tuple[Labels, ...] | None,
    label_seed: int | None,
    label_seeds: int | None,
    controls: tuple[str, ...],
    tune: bool,
    freeze: int | None,
    semi: str | None,
    from_scratch: bool,
    find_lr: bool,
    out: Path | None,
    alone: str | None,
    options: Training,
) -> None:
    """Train a head on the features of RUN, in RUN/heads/NAME.

    The labelled images are drawn class by class, the same for every head that has
    the same --label-seed. The pre-trained model itself is never changed.

    A recipe with [[tasks]] trains the heads of all of them together on the shared stages, each
    kept in RUN/heads/TASK.

    Several --labels, or --label-seeds, make a sweep instead, in RUN/sweeps/NAME: a
    classifier for each number of labels and draw of them, judged on the test images,
    with 95 % intervals and a figure. It makes --threads classifiers at once, each on one
    thread, and keeps none of them. Draw K has the label seed K, and K is added to the
    seed of the weights, so that the intervals speak of both.
    """
    counts: list[Labels] = [*(labels or ("all",))]
    if has_modalities(run):
        single = {
            "several --labels": len(counts) > 1,
            "--label-seeds": label_seeds is not None,
            "--control": bool(controls),
            "--tune": tune,
            "--freeze": freeze is not None,
            "--from-scratch": from_scratch,
            "--find-lr": find_lr,
            "--alone": alone is not None,
            "--semi": semi is not None,
        }
        finetune_several(
            run,
            name=name,
            labels=None if counts[0] == "all" else counts[0],
            label_seed=label_seed or 0,
            refused=[said for said, given in single.items() if given],
            options=options,
        )
        return
    sweeps = len(counts) > 1 or label_seeds is not None
    if has_tasks(run):
        refused = {
            "--labels": labels is not None,
            "--label-seeds": label_seeds is not None,
            "--name": name is not None,
            "--control": bool(controls),
            "--tune": tune,
            "--from-scratch": from_scratch,
            "--find-lr": find_lr,
            "--semi": semi is not None,
        }
        train_tasks(
            run,
            alone=alone,
            label_seed=label_seed,
            freeze=freeze,
            refused=refused,
            options=options,
        )
        return
    if semi is not None:
        from featlearn.workflows.head_plan import semi_overrides

        options = dataclasses.replace(options, sets=(*semi_overrides(run, semi), *options.sets))
    if alone is not None:
        raise click.UsageError("--alone belongs to a run whose recipe has [[tasks]]")
    _check_finding(find_lr, sweeps=sweeps, name=name, out=out, options=options)
    if sweeps:
        _check_sweep(from_scratch=from_scratch, label_seed=label_seed, options=options)
        _sweep(
            run,
            name=name,
            labels=counts,
            draws=label_seeds,
            controls=controls,
            tune=tune,
            freeze=freeze,
            options=options,
        )
        return
    if controls or tune:
        raise click.UsageError(
            f"{'--control' if controls else '--tune'} belongs to a sweep; give several numbers of "
            "labels (--labels 100,300), or --label-seeds 10"
        )
    one = None if counts[0] == "all" else counts[0]
    if find_lr:
        _find(
            run,
            labels=one,
            label_seed=label_seed or 0,
            freeze=freeze,
            from_scratch=from_scratch,
            out=out,
            options=options,
        )
        return
    from featlearn.workflows.finetune import finetune
    from featlearn_cli.finetuning import head_summary

    result = finetune(
        run,
        root=options.root,
        name=name,
        labels=one,
        label_seed=label_seed or 0,
        freeze=freeze,
        from_scratch=from_scratch,
        seed=options.seed,
        overrides=options.sets,
        resume=options.resume,
        overwrite=options.overwrite,
        device=options.device,
        threads=options.threads,
        progress=options.progress(),
        save_seconds=options.save_seconds,
        track=options.track,
    )
    options.show(result, head_summary)
    options.next_step(
        f"`featlearn evaluate {run} --head {result.head}`, then `featlearn report {run}`"
    )


def _check_finding(
    find_lr: bool, *, sweeps: bool, name: str | None, out: Path | None, options: Training
) -> None:
    """Refuse what does not go with trying rates, and what goes with nothing else."""
    if out is not None and not find_lr:
        raise click.UsageError("--out belongs to --find-lr; a head is kept in RUN/heads/NAME")
    given = (
        (sweeps, "several numbers or draws of labels"),
        (name is not None, "--name"),
        (options.resume, "--resume"),
        (options.overwrite, "--overwrite"),
        (options.track, "--track"),
    )
    wrong = next((what for is_there, what in given if is_there), None)
    if find_lr and wrong is not None:
        raise click.UsageError(f"--find-lr tries rates and keeps no head; drop {wrong}")


def _find(run: Path, *, out: Path | None, options: Training, **how: Any) -> None:
    from featlearn.workflows.find_rate import find_rate
    from featlearn_cli.finetuning import rates_tried

    result = find_rate(
        run,
        root=options.root,
        seed=options.seed,
        overrides=options.sets,
        out=out,
        device=options.device,
        threads=options.threads,
        progress=options.progress(),
        **how,
    )
    options.show(result, rates_tried)
    if result.command is not None:
        options.next_step(f"`{result.command}`")


def _check_sweep(*, from_scratch: bool, label_seed: int | None, options: Training) -> None:
    """Refuse what belongs to a single head."""
    source = click.get_current_context().get_parameter_source("save_seconds")
    for given, said in (
        (from_scratch, "--from-scratch trains one head; a sweep takes --control scratch"),
        (label_seed is not None, "--label-seed is one draw; a sweep takes --label-seeds"),
        (options.track, "a sweep keeps no curves, so there is nothing to --track"),
        (
            source is not ParameterSource.DEFAULT,
            "a sweep goes on from its last whole trial; leave out --save-seconds",
        ),
    ):
        if given:
            raise click.UsageError(said)


def _sweep(
    run: Path,
    *,
    name: str | None,
    labels: Sequence[Labels],
    draws: int | None,
    controls: tuple[str, ...],
    tune: bool,
    freeze: int | None,
    options: Training,
) -> None:
    from featlearn.workflows.label_sweep import DRAWS, sweep_labels
    from featlearn_cli.finetuning import sweep_summary

    result = sweep_labels(
        run,
        labels=labels,
        draws=draws or DRAWS,
        controls=controls,
        tune=tune,
        root=options.root,
        name="labels" if name is None else name,
        freeze=freeze,
        seed=options.seed,
        overrides=options.sets,
        resume=options.resume,
        overwrite=options.overwrite,
        device=options.device,
        threads=options.threads,
        progress=options.progress(),
    )
    options.show(result, sweep_summary)
    options.next_step(f"`featlearn report {run}` shows it with the rest of the run")

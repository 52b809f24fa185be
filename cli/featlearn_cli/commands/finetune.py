"""`featlearn finetune`."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from featlearn_cli.modalities import finetune_several, has_modalities
from featlearn_cli.options import Training, example, training_options
from featlearn_cli.params import Labels, LabelsParam, RunParam

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.workflows.head_results import FinetuneResult
    from featlearn.workflows.sweep_results import SweepPoint, SweepResult


@click.command(
    "finetune",
    epilog=example(
        "featlearn finetune runs/local --labels 1000",
        "featlearn finetune runs/local --labels 1000 --from-scratch",
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
@click.option("--from-scratch", is_flag=True, help="Begin with random weights: the control.")
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
    from_scratch: bool,
    options: Training,
) -> None:
    """Train a classifier on the features of RUN, in RUN/heads/NAME.

    The labelled images are drawn class by class, the same for every head that has
    the same --label-seed. The pre-trained model itself is never changed.

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
    if len(counts) > 1 or label_seeds is not None:
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
    from featlearn.workflows.finetune import finetune

    result = finetune(
        run,
        root=options.root,
        name=name,
        labels=None if counts[0] == "all" else counts[0],
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
    options.show(result, _summary)
    options.next_step(
        f"`featlearn evaluate {run} --head {result.head}`, then `featlearn report {run}`"
    )


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
    options.show(result, _sweep_summary)
    options.next_step(f"`featlearn report {run}` shows it with the rest of the run")


def _sweep_summary(result: "SweepResult") -> "Iterable[RenderableType]":
    from featlearn.training.rundir import RunDirectory
    from featlearn.wording import METHODS, percent, plural
    from featlearn_cli.text import facts, table

    folder = RunDirectory(result.run).sweep(result.sweep)
    arms, controls = list(result.table[0].mean), list(result.table[0].gain)
    given = {
        f"rates, {METHODS[arm]}": f"{chosen.lr:g}, in the stages {chosen.stack_lr:g} of it"
        for arm, chosen in result.settings.items()
    }
    yield facts(
        [
            ("run", result.run),
            ("sweep", result.sweep),
            ("draws of labels", len(result.table[0].draws)),
            ("judged on", plural(result.test, "test image")),
            ("always the largest class", f"{percent(1 - result.majority)} error"),
            ("frozen stages", result.freeze),
            *given.items(),
            ("figure", str(folder.figure_file)),
        ]
    )
    yield ""
    heads = [f"error, {METHODS[arm]}" for arm in arms]
    heads += [f"{METHODS[arm]} errs more, points" for arm in controls]
    rows = [[_count(point), *_cells(point)] for point in result.table]
    yield "means, with 95 % intervals over draws"
    yield table(["labels", *heads], rows)


def _count(point: "SweepPoint") -> str:
    return f"{point.labelled} (all)" if point.labels == "all" else str(point.labels)


def _cells(point: "SweepPoint") -> list[str]:
    from featlearn.wording import percent

    cells: list[str] = []
    for arm, mean in point.mean.items():
        low, high = point.interval[arm]
        cells.append(f"{percent(mean)} [{100 * low:.2f}, {100 * high:.2f}]")
    for gain in point.gain.values():
        low, high = gain.interval
        cells.append(f"{100 * gain.mean:+.2f} [{100 * low:+.2f}, {100 * high:+.2f}]")
    return cells


def _labels(result: "FinetuneResult") -> str:
    if result.labels == "all":
        return f"{result.labelled}, all there are"
    return f"{result.labelled}, drawn by seed {result.label_seed}"


def _summary(result: "FinetuneResult") -> "Iterable[RenderableType]":
    from featlearn.wording import duration, percent
    from featlearn_cli.text import facts

    yield facts(
        [
            ("run", result.run),
            ("head", result.head),
            ("begun from", "random weights" if result.from_scratch else "the pre-trained stages"),
            ("labels", _labels(result)),
            ("validation labels", result.validation or None),
            ("frozen stages", result.freeze),
            ("classes", len(result.classes)),
            ("error on the labelled images", percent(result.train_error)),
            ("time", duration(result.seconds)),
        ]
    )

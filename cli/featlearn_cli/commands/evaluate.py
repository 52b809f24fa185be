"""`featlearn evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from featlearn_cli.modalities import evaluate_several, has_modalities
from featlearn_cli.options import Computing, computing_options, example
from featlearn_cli.params import RunParam, SourceParam

if TYPE_CHECKING:
    pass


@click.command(
    "evaluate",
    epilog=example(
        "featlearn evaluate runs/local --json",
        "featlearn evaluate runs/local my-images/",
        "featlearn evaluate runs/local --calibrate",
        "featlearn evaluate runs/local --tta 8",
        "featlearn evaluate runs/local --probe --labels 1000",
        "featlearn evaluate runs/local --units",
        "featlearn evaluate runs/local --representation",
        "featlearn evaluate runs/local --units --positives faces/ --distractors scenes/",
    ),
)
@click.argument("run", type=RunParam())
@click.argument("source", type=SourceParam(), required=False)
@click.option("--head", help="Name of the head. [default: `default`, or the only one]")
@click.option(
    "--tta",
    type=click.IntRange(min=1, max=1000),
    metavar="N",
    help="Average the head's answers over each image and N copies, changed as in training.",
)
@click.option(
    "--calibrate",
    is_flag=True,
    help="First fit a temperature on the labelled images that fine-tuning held out, so that the "
    "head is as sure as it is right; it is kept beside the head.",
)
@click.option(
    "--calibrate-on",
    type=SourceParam(),
    help="The same on these labelled images, which the head has not learned from.",
)
@click.option(
    "--probe", is_flag=True, help="Fit linear classifiers on pixels and on every stage instead."
)
@click.option("--units", is_flag=True, help="Find the best single unit for each class instead.")
@click.option(
    "--representation",
    is_flag=True,
    help="Describe how every stage represents images instead: sparsity, rank, likeness.",
)
@click.option(
    "--positives",
    metavar="CLASS|SRC",
    help="The class to find a unit for, or images of what to find. [default: every class in turn]",
)
@click.option(
    "--distractors",
    type=SourceParam(),
    help="Images without it; then --positives are images too, and SOURCE is left out.",
)
@click.option(
    "--against",
    type=RunParam(),
    multiple=True,
    help="Another run whose units are tested the same way; may be repeated.",
)
@click.option(
    "--labels",
    type=click.IntRange(min=1),
    help="How many labels the probes get, or units are chosen on. [default: all, at most 10 000]",
)
@click.option(
    "--label-seed",
    type=click.IntRange(min=0),
    help="Of the draw of these labels, and of all that units are tested with. [default: 0]",
)
@computing_options
def command(
    *,
    run: Path,
    source: str | None,
    head: str | None,
    tta: int | None,
    calibrate: bool,
    calibrate_on: str | None,
    probe: bool,
    units: bool,
    representation: bool,
    positives: str | None,
    distractors: str | None,
    against: tuple[Path, ...],
    labels: int | None,
    label_seed: int | None,
    options: Computing,
) -> None:
    """Measure a head of RUN on the test images, or on labelled images of SOURCE.

    Of a SOURCE that has splits, the test split is taken. Images that the run learned
    from make the figures look better than they are; how many of them SOURCE has, pixel
    for pixel, is said. Accuracy and error are fractions in [0, 1] with --json. A regression
    is measured by errors in the unit of each target and by R2, a multi-label head by average
    precision and F1.

    With --probe the heads are left aside: the frozen features of every stage, and the
    plain pixels beside them, are judged by a linear classifier.

    With --units no head is needed either: for each class the unit, sign and threshold that
    tell it best from all others are chosen on the training images (or on one half of a SOURCE
    that has no splits) and scored once on the others, beside the same network with random
    weights, images as linear filters, and other controls. The figures are kept in
    RUN/units.json, in place of those of an earlier test: a run keeps the last one.

    With --representation the outputs of every stage are described on up to 1000 test images,
    beside those of the same network with random weights: how sparse they are, in how many
    directions they vary, how many units repeat another, and how like stages are (CKA).
    """
    if has_modalities(run):
        given = {"--probe": probe, "--units": units, "--representation": representation}
        given |= {
            "SOURCE": source is not None,
            "--tta": tta is not None,
            "--calibrate": calibrate or calibrate_on is not None,
        }
        refused = [said for said, asked in given.items() if asked]
        evaluate_several(run, head=head, refused=refused, options=options)
        return
    mode = _mode(probe=probe, units=units, representation=representation)
    _check_units(units, positives=positives, distractors=distractors, against=against)
    _check_labels(mode, labels=labels, label_seed=label_seed)
    _check_head(mode, head=head, tta=tta, calibrate=calibrate or None, calibrate_on=calibrate_on)
    if units:
        _units(
            run,
            source,
            positives=positives,
            distractors=distractors,
            against=against,
            labels=labels,
            label_seed=label_seed,
            options=options,
        )
        return
    if mode is None:
        if calibrate or calibrate_on is not None:
            _calibrate(run, head=head, source=calibrate_on, options=options)
        _head(run, source, head=head, tta=tta or 0, options=options)
        return
    if source is not None:
        raise click.UsageError(f"--{mode} takes no SOURCE: it needs the run's data")
    if representation:
        _representation(run, options)
        return
    from featlearn.workflows.probe import probe as probe_stages
    from featlearn_cli.heads import probe_table

    probes = probe_stages(
        run,
        root=options.root,
        labels=labels,
        label_seed=label_seed or 0,
        device=options.device,
        threads=options.threads,
        told=options.note,
    )
    options.show(probes, probe_table)


def _mode(**given: bool) -> str | None:
    """Name what is done in place of judging a head."""
    modes = [name for name, asked in given.items() if asked]
    if len(modes) > 1:
        raise click.UsageError(f"--{modes[0]} and --{modes[1]} are two commands; give one")
    return modes[0] if modes else None


def _check_head(mode: str | None, **given: object) -> None:
    """Refuse options of a head where none is looked at."""
    for name, value in given.items():
        if mode is not None and value is not None:
            raise click.UsageError(f"--{mode} looks at no head; drop --{name.replace('_', '-')}")


def _calibrate(run: Path, *, head: str | None, source: str | None, options: Computing) -> None:
    from featlearn.wording import plural
    from featlearn.workflows.calibrate import calibrate

    found = calibrate(
        run,
        root=options.root,
        head=head,
        source=source,
        device=options.device,
        threads=options.threads,
    )
    options.note(
        f"temperature {found.temperature:.4g} by {plural(found.images, 'held-out image')}: "
        f"cross-entropy {found.nll_before:.4g} before, {found.nll:.4g} now"
    )


def _check_labels(mode: str | None, *, labels: int | None, label_seed: int | None) -> None:
    """Refuse numbers of labels where none are learned from."""
    if mode in {"probe", "units"}:
        return
    why = "a head has learned already" if mode is None else f"--{mode} looks at no labels"
    for name, given in (("--labels", labels), ("--label-seed", label_seed)):
        if given is not None:
            raise click.UsageError(f"{name} belongs to --probe and --units; {why}")


def _representation(run: Path, options: Computing) -> None:
    from featlearn.workflows.representation import representation
    from featlearn_cli.representation import representation_tables

    result = representation(
        run,
        root=options.root,
        device=options.device,
        threads=options.threads,
        progress=options.progress(),
    )
    options.show(result, representation_tables)


def _head(run: Path, source: str | None, *, head: str | None, tta: int, options: Computing) -> None:
    from featlearn.workflows.evaluate import keep, measure
    from featlearn_cli.heads import figures

    result = measure(
        run,
        root=options.root,
        source=source,
        head=head,
        tta=tta,
        device=options.device,
        threads=options.threads,
    )
    # They may have taken long: neither a run nor a pipe that takes nothing may lose them.
    try:
        keep(result)
    except OSError:
        options.show(result, figures)
        options.note("These figures were not written into the run.")
        raise
    options.show(result, figures)


def _check_units(
    units: bool, *, positives: str | None, distractors: str | None, against: tuple[Path, ...]
) -> None:
    """Refuse options of --units without it, and images that are not there."""
    for name, given in (
        ("--positives", positives),
        ("--distractors", distractors),
        ("--against", against or None),
    ):
        if given is not None and not units:
            raise click.UsageError(f"{name} belongs to --units")
    if distractors is not None and positives is not None:
        context = click.get_current_context()
        option = next(some for some in context.command.params if some.name == "positives")
        SourceParam().convert(positives, option, context)


def _units(
    run: Path,
    source: str | None,
    *,
    positives: str | None,
    distractors: str | None,
    against: tuple[Path, ...],
    labels: int | None,
    label_seed: int | None,
    options: Computing,
) -> None:
    from featlearn.workflows.unit_test import keep_units, measure_units
    from featlearn_cli.units import unit_tables

    result = measure_units(
        run,
        root=options.root,
        source=source,
        positives=positives,
        distractors=distractors,
        against=against,
        labels=labels,
        label_seed=label_seed or 0,
        device=options.device,
        threads=options.threads,
        progress=options.progress(),
    )
    try:
        replaced = keep_units(result)
    except OSError:
        options.show(result, unit_tables)
        options.note("These figures were not written into the run.")
        raise
    options.show(result, unit_tables)
    if replaced is not None:
        options.note(replaced)

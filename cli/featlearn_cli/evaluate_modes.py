"""What `featlearn evaluate` measures in a run of one stack: a head, or features without one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from featlearn_cli.given import given
from featlearn_cli.options import Computing
from featlearn_cli.params import SourceParam

if TYPE_CHECKING:
    from rich.console import RenderableType

Result = TypeVar("Result")
Kept = TypeVar("Kept")

_OWN = {
    "--positives": ("--units",),
    "--distractors": ("--units",),
    "--against": ("--units", "--representation"),
    "--ais-chains": ("--likelihood",),
    "--ais-steps": ("--likelihood",),
}
"""Which modes take an option that not all take."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The command's own options.

    Attributes:
        source: Images to judge on, if not those of the run.
        head: Which head.
        tta: Over how many changed copies of an image its answers are averaged.
        calibrate: Whether to fit a temperature first, on images that were held out.
        calibrate_on: Or on these images.
        probe: Whether to judge stages by linear classifiers.
        units: Whether to test single units.
        representation: Whether to describe what stages put out.
        gabor: Whether to fit Gabor functions to filters.
        likelihood: Whether to ask how likely images are.
        positives: What to find units for.
        distractors: Images without it.
        against: Other runs whose units are tested, or whose stages are compared.
        labels: How many labels are learned from.
        label_seed: Of their draw.
        ais_chains: Chains that estimate partition functions.
        ais_steps: Steps of each.
    """

    source: str | None
    head: str | None
    tta: int | None
    calibrate: bool
    calibrate_on: str | None
    probe: bool
    units: bool
    representation: bool
    gabor: bool
    likelihood: bool
    positives: str | None
    distractors: str | None
    against: tuple[Path, ...]
    labels: int | None
    label_seed: int | None
    ais_chains: int | None
    ais_steps: int | None


def evaluate_one(run: Path, asked: Asked, options: Computing) -> None:
    """Judge a head of a run, or what is asked for in place of it."""
    _check(asked, _mode())
    if asked.units:
        _units(run, asked, options)
    elif asked.representation:
        _representation(run, asked, options)
    elif asked.gabor:
        _gabor(run, options)
    elif asked.likelihood:
        _likelihood(run, asked, options)
    elif asked.probe:
        _probe(run, asked, options)
    else:
        if asked.calibrate or asked.calibrate_on is not None:
            _calibrate(run, asked, options)
        _head(run, asked, options)


def _mode() -> str | None:
    """Name the option that says what is done in place of judging a head."""
    modes = given("--probe", "--units", "--representation", "--gabor", "--likelihood")
    if len(modes) > 1:
        raise click.UsageError(f"{modes[0]} and {modes[1]} are two commands; give one")
    return modes[0] if modes else None


def _check(asked: Asked, mode: str | None) -> None:
    """Refuse options of other modes, and images that are not there."""
    for option in given(*_OWN):
        if mode not in _OWN[option]:
            raise click.UsageError(f"{option} belongs to {' and '.join(_OWN[option])}")
    if asked.distractors is not None and asked.positives is not None:
        context = click.get_current_context()
        option = next(some for some in context.command.params if some.name == "positives")
        SourceParam().convert(asked.positives, option, context)
    if mode not in {"--probe", "--units"}:
        why = "a head has learned already" if mode is None else f"{mode} looks at no labels"
        for option in given("--labels", "--label-seed"):
            raise click.UsageError(f"{option} belongs to --probe and --units; {why}")
    if mode is not None:
        for option in given("--head", "--tta", "--calibrate", "--calibrate-on"):
            raise click.UsageError(f"{mode} looks at no head; drop {option}")
    if mode in {"--probe", "--representation", "--likelihood"} and asked.source is not None:
        raise click.UsageError(f"{mode} takes no SOURCE: it needs the run's data")
    if mode == "--gabor" and asked.source is not None:
        raise click.UsageError("--gabor takes no SOURCE: it looks at filters, not at images")


def _calibrate(run: Path, asked: Asked, options: Computing) -> None:
    from featlearn.wording import plural
    from featlearn.workflows.calibrate import calibrate

    found = calibrate(run, head=asked.head, source=asked.calibrate_on, **options.computing())
    options.note(
        f"temperature {found.temperature:.4g} by {plural(found.images, 'held-out image')}: "
        f"cross-entropy {found.nll_before:.4g} before, {found.nll:.4g} now"
    )


def _head(run: Path, asked: Asked, options: Computing) -> None:
    from featlearn.workflows.evaluate import keep, measure
    from featlearn_cli.heads import figures

    result = measure(
        run, source=asked.source, head=asked.head, tta=asked.tta or 0, **options.computing()
    )
    _keep(keep, result, figures, options)


def _probe(run: Path, asked: Asked, options: Computing) -> None:
    from featlearn.workflows.probe import probe
    from featlearn_cli.heads import probe_table

    result = probe(
        run,
        labels=asked.labels,
        label_seed=asked.label_seed or 0,
        told=options.note,
        **options.computing(),
    )
    options.show(result, probe_table)


def _representation(run: Path, asked: Asked, options: Computing) -> None:
    from featlearn.workflows.representation import representation
    from featlearn_cli.representation import representation_tables

    result = representation(run, against=asked.against, **options.working())
    options.show(result, representation_tables)


def _gabor(run: Path, options: Computing) -> None:
    from featlearn.workflows.gabor import gabor, keep_gabor
    from featlearn_cli.gabor import gabor_table

    result = gabor(run, device=options.device, threads=options.threads, progress=options.progress())
    _keep(keep_gabor, result, gabor_table, options)


def _likelihood(run: Path, asked: Asked, options: Computing) -> None:
    from featlearn.workflows.likelihood import CHAINS, STEPS, likelihood
    from featlearn_cli.likelihood import likelihood_tables

    result = likelihood(
        run,
        chains=asked.ais_chains or CHAINS,
        steps=asked.ais_steps or STEPS,
        **options.working(),
    )
    options.show(result, likelihood_tables)


def _units(run: Path, asked: Asked, options: Computing) -> None:
    from featlearn.workflows.unit_test import keep_units, measure_units
    from featlearn_cli.units import unit_tables

    result = measure_units(
        run,
        source=asked.source,
        positives=asked.positives,
        distractors=asked.distractors,
        against=asked.against,
        labels=asked.labels,
        label_seed=asked.label_seed or 0,
        **options.working(),
    )
    replaced = _keep(keep_units, result, unit_tables, options)
    if replaced is not None:
        options.note(replaced)


def _keep(
    keep: Callable[[Result], Kept],
    result: Result,
    tables: "Callable[[Result], Iterable[RenderableType]]",
    options: Computing,
) -> Kept:
    """Write figures into the run, and show them.

    They may have taken long: neither a run nor a pipe that takes nothing may lose them.
    """
    try:
        kept = keep(result)
    except OSError:
        options.show(result, tables)
        options.note("These figures were not written into the run.")
        raise
    options.show(result, tables)
    return kept

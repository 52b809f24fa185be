"""A run in the page, gathered from its folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from featlearn.config.boltzmann import RbmSpec
from featlearn.config.plan import plan
from featlearn.config.recipe import Recipe
from featlearn.report.best_units import best_units_view
from featlearn.report.charts import loss_charts
from featlearn.report.gabor import gabor_views
from featlearn.report.heads import head_view
from featlearn.report.mistakes import Looking
from featlearn.report.network import without_head
from featlearn.report.records import FusionHeadRecord, HeadRecord, RunRecord, SweepRecord
from featlearn.report.run_files import read_run
from featlearn.report.shown import MOST
from featlearn.report.stacks import Looked, stack_view
from featlearn.report.story import Found, tell
from featlearn.report.sweeps import sweep_view
from featlearn.report.unit_records import UnitTestRecord
from featlearn.report.views import Fact, HeadView, RunView
from featlearn.report.words import names_only
from featlearn.report.worth import Measurable, call_of
from featlearn.training.rundir import RunDirectory
from featlearn.wording import count, duration, images_or_patches, plural

FITTED = "Preparation and scaling were fitted on those images too, on no others."
HELD_OUT = "The held-out curves and early stopping use them; learning does not."
LABELS = (
    "Labelled images are drawn class by class, as many of each, by a seed of their own; heads "
    "with the same draw used the same labels."
)
_TEST = (
    "Test figures are on the test split, which no training step, fit or choice of this run has "
    "seen. Their intervals (Wilson, 95 %) speak of the number of test images alone, not of other "
    "draws of labels or seeds."
)
_FREE_ENERGY = (
    "Of a restricted Boltzmann machine the loss is the free energy of the data less that of its "
    "own samples: training follows its slope, but its height does not say how likely images are."
)
_UNITS = (
    "Single units, their signs and thresholds were chosen by the labels of training images, and "
    "scored once on the test split."
)
TRAINING = (
    "Coloured lines are terms of the loss, each of one batch of training, as it was logged; black "
    "dots are their sum on held-out images at the end of each epoch. Losses are summed over "
    "features and averaged over images, so a wider stage has a larger one."
)
"""How to read the charts of pre-training."""

_SWEEPS = (
    "Trials of a sweep are judged on the test split as well, and nothing is chosen by it. Their "
    "intervals speak of other draws and seeds, not of other test images."
)


def run_view(
    key: str,
    run: RunDirectory,
    *,
    name: str,
    root: Path | None,
    device: torch.device | str,
    most: int = MOST,
    untested: str = "",
) -> RunView:
    """Gather everything about a run.

    Args:
        key: Unique in the page.
        run: The finished run.
        name: What its folder is called in the page.
        root: Where data sets are, for reconstructions; the page says so where the
            data cannot be read.
        device: Where to compute.
        most: Units to show.
        untested: Why its single units were not tested, where that could have been.

    Raises:
        CheckpointError: If a file of the run is damaged.
    """
    files = read_run(run)
    record, loaded, records, tested = files.record, files.loaded, files.heads, files.tested
    loaded.stack.to(device)
    classes = len(records[0].classes) if records else None
    answers = {record.head: len(record.classes) for record in records}
    layers = plan(loaded.recipe, loaded.stack.input_shape, classes, answers=answers)
    looking = Looking(layers.totals.flops, root, torch.device(device))
    heads = [head_view(f"{key}-head-{name}", run.head(name), looking) for name in run.heads()]
    layers = layers if records else without_head(layers)
    subject = Looked(key, "", name, record.title, loaded.stack, loaded.recipe, layers)
    stack = stack_view(subject, root=root, most=most, named=files.named)
    best = None if tested is None else best_units_view(key, tested)
    sweeps = [sweep_view(f"{key}-sweep-{entry.sweep}", entry) for entry in files.swept]
    measurable = Measurable(
        call_of(run.path), stack.labelled, best.words if best else "", untested=untested
    )
    compared = best is not None or files.gabors is not None
    found = Found(
        stack.stages, heads, sweeps, files.metrics, measurable, compared, best.doubt if best else ""
    )
    return RunView(
        key=key,
        title=record.title,
        shows=loaded.recipe.shows,
        expect=loaded.recipe.expect,
        folder=name,
        facts=_facts(record, heads),
        stacks=[stack],
        charts=loss_charts(f"{key}-phase", files.metrics),
        heads=heads,
        sweeps=sweeps,
        protocol=_protocol(record, records, files.swept, tested),
        recipe=names_only(run.recipe_file.read_text(encoding="utf-8"), loaded.recipe.data.source),
        environment=environment_facts(record.environment, loaded.recipe.seed),
        files=file_facts(record.files, records, files.swept),
        best=best,
        story=tell(record, loaded.recipe, layers, found=found),
        metrics=files.metrics,
        training=_training(loaded.recipe, run),
        gabors=gabor_views(key, files.gabors) if files.gabors else [],
    )


def environment_facts(environment: Mapping[str, object], seed: int) -> list[Fact]:
    """Write the seed, and the versions and the computer that were used."""
    facts = {"seed": seed, **environment}
    return [Fact(name, str(value)) for name, value in facts.items() if value is not None]


def _facts(record: RunRecord, heads: list[HeadView]) -> list[Fact]:
    """Choose the figures for the top."""
    facts: list[Fact] = []
    judged = [head for head in heads if head.share is not None and not head.scratch]
    if judged:
        best = min(judged, key=lambda head: head.share or 0.0)
        among = f"least of {len(judged)} heads: {best.name}; " if len(judged) > 1 else ""
        note = f"{among}{best.images} images, 95\u00a0% interval {best.interval}; {best.words}"
        facts.append(Fact("test error", best.error, note))
    data = record.data
    held_out = f", {count(data.held_out)} more held out" if data.held_out else ""
    source = Path(data.source).name
    kind = "images" if data.pictures is None else "patches"
    return [
        *facts,
        Fact(f"unlabelled {kind}", count(data.train), f"{source}{held_out}"),
        Fact("parameters", count(record.parameters), "in the stages, decoders included"),
        time_fact(record.seconds, record.environment),
    ]


def time_fact(seconds: float, environment: Mapping[str, object]) -> Fact:
    """Say how long pre-training took, and on what."""
    threads = environment.get("threads")
    where = f"on {environment.get('device', 'this machine')}"
    where += f", {plural(threads, 'thread')}" if isinstance(threads, int) else ""
    return Fact("pre-training took", duration(seconds), where)


def _training(recipe: Recipe, run: RunDirectory) -> str:
    """Say how to read the charts of pre-training."""
    if not any(isinstance(stage.objective, RbmSpec) for stage in recipe.stages):
        return TRAINING
    command = f"featlearn evaluate {call_of(run.path)} --likelihood"
    return f"{TRAINING} {_FREE_ENERGY} `{command}` estimates that."


def _protocol(
    record: RunRecord,
    heads: list[HeadRecord],
    sweeps: list[SweepRecord],
    tested: UnitTestRecord | None,
) -> list[str]:
    """Say which images were used for what."""
    data = record.data
    source = Path(data.source).name
    material = images_or_patches(data.train, pictures=data.pictures)
    lines = [f"Pre-training saw {material} of {source}, and no label. {FITTED}"]
    for stage, own in record.own_objectives.items():
        lines += [f"Stage {stage} learned by the caller's own objective, {own}."]
    if data.held_out:
        further = plural(data.held_out, "further training image")
        lines += [f"{further} were held out. {HELD_OUT}"]
    if sweeps or any(head.labels != "all" for head in heads):
        lines += [LABELS]
    for head in heads:
        if head.validation:
            kept = plural(head.validation, "labelled image")
            lines += [f"Head {head.head} kept {kept} apart for early stopping."]
    lines += [_TEST] if heads else []
    lines += [_UNITS] if tested is not None and tested.split == "test" else []
    return lines + ([_SWEEPS] if sweeps else [])


def file_facts(
    files: Mapping[str, str],
    heads: Sequence[HeadRecord | FusionHeadRecord],
    sweeps: Sequence[SweepRecord] = (),
) -> list[Fact]:
    """List files with their SHA-256."""
    kept = [("", files)]
    kept += [(f"heads/{head.head}/", head.files) for head in heads]
    kept += [(f"sweeps/{sweep.sweep}/", sweep.files) for sweep in sweeps]
    return [Fact(f"{at}{name}", digest) for at, files in kept for name, digest in files.items()]

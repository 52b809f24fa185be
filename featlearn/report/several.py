"""A run of several modalities in the page, gathered from its folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from featlearn.config.audio import AudioSpec, CepstralSpec, LogMelSpec
from featlearn.config.modalities import MultimodalRecipe, one_modality, phase_titles
from featlearn.config.plan import plan
from featlearn.networks.formats import read_figures
from featlearn.networks.multimodal import shared_layers
from featlearn.networks.multimodal_store import LoadedNet, load_multimodal
from featlearn.report.charts import loss_charts
from featlearn.report.fusion import fusion_view
from featlearn.report.network import without_head
from featlearn.report.records import FusionHeadRecord, ModalityRecord, SeveralRecord
from featlearn.report.run import (
    FITTED,
    HELD_OUT,
    LABELS,
    TRAINING,
    environment_facts,
    file_facts,
    time_fact,
)
from featlearn.report.shown import MOST
from featlearn.report.stacks import Looked, stack_view
from featlearn.report.story import Found, doubts, learned
from featlearn.report.tables import Table
from featlearn.report.views import Fact, HeadView, RunView, StackView
from featlearn.report.words import names_only
from featlearn.report.worth import Measurable, call_of, worth
from featlearn.training.rundir import RunDirectory
from featlearn.visualize.curves import read_metrics, renamed
from featlearn.wording import count, plural

_MAPS = (
    "The images of {name} are maps of recordings: time goes to the right, and down go {rows}, the "
    "lowest at the top."
)
_SHARED = (
    "In the phase shared, the errors of rebuilding are means over units; the other terms are "
    "cross-entropies of telling a sample's partner, or its other copy, among those of its batch, "
    "which is easier in the last batch of an epoch where that is smaller."
)
_TEST = (
    "Test figures are on the test splits, which no training step, fit or choice of this run has "
    "seen. Intervals of pairs are bootstraps by the samples of one modality, each with all its "
    "pairs; those of one modality are Wilson's. They speak of other test samples, not of other "
    "draws of labels or seeds."
)


def several_view(
    key: str,
    run: RunDirectory,
    *,
    name: str,
    root: Path | None,
    device: torch.device | str,
    most: int = MOST,
) -> RunView:
    """Gather everything about a run of several modalities; takes what `run_view` takes.

    Raises:
        CheckpointError: If a file of the run is damaged.
    """
    record = read_figures(run.results_file, SeveralRecord)
    loaded = load_multimodal(run.path)
    loaded.net.to(device)
    recipe = loaded.recipe
    heads = [fusion_view(f"{key}-head-{each}", run.head(each)) for each in run.heads()]
    records = [read_figures(run.head(each).results_file, FusionHeadRecord) for each in run.heads()]
    metrics = renamed(read_metrics(run.metrics_file), phase_titles(recipe))
    stacks = [
        _stack(key, loaded, place, folder=name, root=root, most=most // len(recipe.names))
        for place in range(len(recipe.names))
    ]
    stages = [stage for stack in stacks for stage in stack.stages]
    found = Found(stages, heads, [], metrics, Measurable(call_of(run.path), several=True))
    return RunView(
        key=key,
        title=record.title,
        shows=recipe.shows,
        expect=recipe.expect,
        folder=name,
        facts=_facts(record, heads),
        stacks=stacks,
        charts=loss_charts(f"{key}-phase", metrics),
        heads=heads,
        sweeps=[],
        protocol=_protocol(record, recipe, records),
        recipe=names_only(
            run.recipe_file.read_text(encoding="utf-8"),
            *(spec.data.source for spec in recipe.modalities),
        ),
        environment=environment_facts(record.environment, recipe.seed),
        files=file_facts(record.files, records),
        best=None,
        story=_story(record, loaded, stacks, found),
        metrics=metrics,
        joined=_joined(loaded),
        training=f"{TRAINING} {_SHARED}",
    )


def _stack(
    key: str, loaded: LoadedNet, place: int, *, folder: str, root: Path | None, most: int
) -> StackView:
    """Look at the stack of one modality."""
    own, stack = one_modality(loaded.recipe, place), loaded.net.stack(place)
    words = "" if own.data.audio is None else _maps(loaded.net.names[place], own.data.audio)
    name = loaded.net.names[place]
    looked = Looked(
        key=f"{key}-of-{name}",
        name=name,
        folder=folder,
        title=loaded.recipe.title,
        stack=stack,
        recipe=own,
        layers=without_head(plan(own, stack.input_shape, None)),
        words=words,
    )
    return stack_view(looked, root=root, most=most, named={})


def _maps(name: str, spec: AudioSpec) -> str:
    """Say how to read the maps of recordings."""
    match spec:
        case LogMelSpec():
            return _MAPS.format(name=name, rows="bands of pitch")
        case CepstralSpec():
            return _MAPS.format(name=name, rows="coefficients")


def _joined(loaded: LoadedNet) -> Table:
    """List the layers between the stacks and the code."""
    rows = [
        [each.name, *map(count, (each.inputs, each.outputs, each.weights, each.biases))]
        for each in shared_layers(loaded.net.shared)
    ]
    heads = ["Layer", "Inputs", "Outputs", "Weights", "Biases"]
    caption = f"Nets to the shared code of {count(loaded.net.shared.width)} numbers, and back"
    return Table(caption, heads, rows)


def _facts(record: SeveralRecord, heads: Sequence[HeadView]) -> list[Fact]:
    """Choose the figures for the top."""
    facts: list[Fact] = []
    judged = [head for head in heads if head.share is not None]
    if judged:
        best = min(judged, key=lambda head: head.share or 0.0)
        among = f"least of {len(judged)} heads: {best.name}; " if len(judged) > 1 else ""
        note = f"{among}{best.images} pairs, 95\u00a0% interval {best.interval}; {best.words}"
        facts.append(Fact("test error", best.error, note))
    samples = " + ".join(count(data.train) for data in record.modalities.values())
    named = ", ".join(f"{name} of {_source(data)}" for name, data in record.modalities.items())
    return [
        *facts,
        Fact("samples", samples, f"{named}; {plural(record.pairs, 'pair')}"),
        Fact("parameters", count(record.parameters), "stacks, decoders and nets to the code"),
        time_fact(record.seconds, record.environment),
    ]


def _source(data: ModalityRecord) -> str:
    """Name a source without its folders."""
    return Path(data.source).name


def _protocol(
    record: SeveralRecord, recipe: MultimodalRecipe, heads: Sequence[FusionHeadRecord]
) -> list[str]:
    """Say which samples were used for what."""
    lines: list[str] = []
    for name, data in record.modalities.items():
        seen = plural(data.train, "sample")
        lines.append(f"The stack of {name} saw {seen} of {_source(data)}, and no label. {FITTED}")
        if data.held_out:
            further = plural(data.held_out, "further training sample")
            lines.append(f"{further} of {name} were held out. {HELD_OUT}")
    lines.append(_pairs(record, recipe))
    if any(head.labels != "all" for head in heads):
        lines.append(LABELS)
    return [*lines, _TEST] if heads else lines


def _pairs(record: SeveralRecord, recipe: MultimodalRecipe) -> str:
    """Say what pairs are, and whether labels made them."""
    pairs = plural(record.pairs, "pair")
    if recipe.pairs.by == "class":
        return (
            f"The shared code learned from {pairs} of samples of one class each: "
            "to pair by class is to use labels."
        )
    how = "whose files have one name" if recipe.pairs.by == "key" else "in the order they stand in"
    return f"The shared code learned from {pairs} of samples {how}, and from no label."


def _story(
    record: SeveralRecord, loaded: LoadedNet, stacks: Sequence[StackView], found: Found
) -> list[Fact]:
    """Tell what a run comes to."""
    shared = sum(layer.weights for layer in shared_layers(loaded.net.shared))
    width = count(loaded.net.shared.width)
    code = f"{count(shared)} weights lead to a code of {width} numbers and back."
    held_out = all(data.held_out for data in record.modalities.values())
    said = (
        "" if not stack.stages else f"{stack.name}: {learned(stack.stages)}" for stack in stacks
    )
    return [
        Fact("Data", f"{_seen(record.modalities)}. {_pairs(record, loaded.recipe)}"),
        Fact("Network", f"{_weights(loaded)} {code}"),
        Fact("Learned", " ".join(said)),
        Fact("Worth", " ".join(worth(found.heads, [], found.measurable))),
        Fact("To doubt", " ".join(doubts(found, held_out=held_out))),
    ]


def _seen(modalities: Mapping[str, ModalityRecord]) -> str:
    """Say what was learned from in each modality."""
    return "; ".join(
        f"{name}: {plural(data.train, 'sample')} of {_source(data)}, "
        f"{data.input_shape[1]}\u00a0×\u00a0{data.input_shape[2]}"
        for name, data in modalities.items()
    )


def _weights(loaded: LoadedNet) -> str:
    """Say how large the stacks are."""
    sizes = [
        f"{plural(len(stack), 'stage')} for {name} with "
        f"{count(sum(layer.weights for layer in without_head(planned).layers))} weights"
        for place, name in enumerate(loaded.net.names)
        for stack in [loaded.net.stack(place)]
        for planned in [plan(one_modality(loaded.recipe, place), stack.input_shape, None)]
    ]
    return f"{', '.join(sizes)}, learned one after the other."

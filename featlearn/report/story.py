"""What a run comes to, in five sentences: data, network, what it learned, its worth, doubts."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from featlearn.config.banks import LocalSpec, TiledSpec
from featlearn.config.layers import Plan
from featlearn.config.recipe import Recipe
from featlearn.report.records import RunRecord
from featlearn.report.views import Fact, HeadView, StageView, SweepView
from featlearn.report.words import listed, percent
from featlearn.report.worth import Measurable, worth
from featlearn.visualize.curves import Metrics, Series, phases_of
from featlearn.wording import caution, count, images_or_patches, plural

ORIENTED = 0.5
"""From this strength on a unit is called tuned to an orientation."""

_DEAD = 0.05
_LITTLE = 0.5
_FALLING = 0.02
_CHANNELS = {1: "grey", 3: "colour"}


class Found(NamedTuple):
    """What is known of a run.

    Attributes:
        stages: What each stage learned.
        heads: What was trained on top.
        sweeps: Over numbers of labels.
        metrics: Losses as they were logged.
        measurable: What could be measured of it by labels.
        compared: Whether anything that it learned was put beside a control.
        doubt: Which controls do as well, in a sentence, if any does.
    """

    stages: Sequence[StageView]
    heads: Sequence[HeadView]
    sweeps: Sequence[SweepView]
    metrics: Metrics
    measurable: Measurable
    compared: bool = False
    doubt: str = ""


def tell(record: RunRecord, recipe: Recipe, layers: Plan, *, found: Found) -> list[Fact]:
    """Tell what a run comes to.

    Args:
        record: What pre-training wrote.
        recipe: What it was told.
        layers: The network, layer by layer.
        found: What is known of it.
    """
    return [
        Fact("Data", _data(record)),
        Fact("Network", _network(recipe, layers)),
        Fact("Learned", learned(found.stages)),
        Fact("Worth", " ".join(worth(found.heads, found.sweeps, found.measurable))),
        Fact("To doubt", " ".join(doubts(found, held_out=record.data.held_out > 0))),
    ]


def _data(record: RunRecord) -> str:
    """Say what it learned from."""
    maps, height, width = record.input_shape
    material = images_or_patches(record.data.train, pictures=record.data.pictures)
    colour = f"in {_CHANNELS[maps]}" if maps in _CHANNELS else f"of {maps} channels"
    held_out = f" {count(record.data.held_out)} more were held out." if record.data.held_out else ""
    return (
        f"{material} of {Path(record.data.source).name}, {height}\u00a0×\u00a0{width} pixels "
        f"{colour}, and no label.{held_out}"
    )


def _network(recipe: Recipe, layers: Plan) -> str:
    """Say what it is."""
    untied = [isinstance(stage.filter, LocalSpec | TiledSpec) for stage in recipe.stages]
    kind = "untied weights" if all(untied) else "weights"
    own = [layer for layer in layers.layers if layer.stage is not None]
    reach = ""
    if len(recipe.stages) > 1:
        height, width = own[-1].receptive_field
        reach = f" A unit at the top sees {height}\u00a0×\u00a0{width} pixels."
    stages = plural(len(recipe.stages), "stage")
    weights = count(sum(layer.weights for layer in own))
    return f"{stages} with {weights} {kind}, learned {_schedule(recipe)}.{reach}"


def _schedule(recipe: Recipe) -> str:
    """Say in which order stages learned."""
    if len(recipe.stages) == 1:
        return "without a teacher"
    words = {"greedy": "one after the other", "joint": "all at once"}
    return words.get(recipe.pretrain.schedule, "one after the other, then all at once")


def learned(stages: Sequence[StageView]) -> str:
    """Say how much codes keep, and how many units are tuned."""
    sentences: list[str] = []
    kept = [(stage.name, stage.explained) for stage in stages if stage.explained is not None]
    if kept:
        each = [f"{percent(share)} ({name})" for name, share in kept]
        whose = f"their codes, stages keep {listed(each)} of their"
        if len(kept) == 1:
            whose = f"its code, {kept[0][0]} keeps {percent(kept[0][1])} of its"
        sentences.append(f"Rebuilt from {whose} input's variance.")
    first = stages[0].gallery.columns
    strengths = [value for value in first["strength"] if value is not None]
    if strengths:
        oriented = sum(value >= ORIENTED for value in strengths) / len(strengths)
        sentences.append(
            f"Of the units of {stages[0].name} shown, {percent(oriented)} are tuned to an "
            "orientation."
        )
    return " ".join(sentences)


def doubts(found: Found, *, held_out: bool) -> list[str]:
    """List what speaks against trusting the figures.

    Args:
        found: What is known of the run.
        held_out: Whether any of its training data were only measured.
    """
    said: list[str] = []
    judged = [head for head in found.heads if head.share is not None]
    if judged and not any(head.scratch for head in judged) and not found.sweeps:
        said.append("No head was trained from random weights beside it, as a control.")
    if not judged and not found.sweeps and not found.compared:
        said.append("Nothing it learned was compared with random weights, or another control.")
    few = [caution(head.tested) for head in judged]
    said += [f"Tested on {words}." for words in dict.fromkeys(few) if words is not None]
    said += [words for words in dict.fromkeys(head.few for head in judged) if words]
    said += [found.doubt] if found.doubt else []
    for stage in found.stages:
        if stage.dead is not None and stage.dead >= _DEAD:
            said.append(f"{percent(stage.dead)} of the units of {stage.name} are dead.")
        if stage.explained is not None and stage.explained < _LITTLE:
            said.append(f"The code of {stage.name} keeps less than half of its input.")
    said += [f"The loss of {name} was still falling when training ended." for name in
               _still_falling(found.metrics)]  # fmt: skip
    if not held_out:
        said.append("Nothing was held out, so units are shown on images they learned from.")
    return [*said, "One run with one seed: another would differ."]


def _still_falling(metrics: Metrics) -> list[str]:
    """Name the phases whose held-out loss fell by more than 2 % in the last epoch."""
    names: list[str] = []
    for phase in phases_of(metrics):
        _, values = phase.held_out.get("loss", Series([], []))
        if len(values) > 1 and 0 < values[-1] < (1 - _FALLING) * values[-2]:
            names.append(phase.name)
    return names

"""The table of the study: every method on the same scenes, and how far it is behind the network."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from featlearn.config.recipe import Recipe
from featlearn.evaluate.bootstrap import bootstrap_means
from featlearn.evaluate.candidates import (
    Best,
    Candidates,
    bank_candidates,
    stack_candidates,
    statistics_candidates,
)
from featlearn.evaluate.controls import STATISTICS, kmeans_means, template_bank
from featlearn.evaluate.units import unit_at, unit_name
from featlearn.heads.finetuning import untrained_stack
from featlearn.networks.stack import Stack
from featlearn.ops.random import generator
from featlearn.seeds import derive
from featlearn.studies.faces.crossed import Crossed, Judged, cross, majority, probe
from featlearn.studies.faces.variants import WHOLE, WITHOUT_FACES, WITHOUT_LCN, WITHOUT_POOLING
from featlearn.training.pictures import Pictures
from featlearn.training.settling import fitting_sample

BEST = "best unit of the last stage"
"""The row that all others are compared with: a unit of what the network gives."""

FILTERS = 2000
"""Training scenes among which the best linear filter is looked for."""

MEANS = 500
"""Clusters of k-means."""

PUBLISHED = {
    "majority guess": 64.8,
    "random weights": 67.0,
    "best linear filter": 74.0,
    "best unit of the first stage": 71.0,
    BEST: 81.7,
    "without contrast normalisation": 78.5,
}
"""Accuracies in % of Le et al., ICML 2012, on other images, faces and a larger network."""

_ABLATIONS = {
    WITHOUT_LCN: "without contrast normalisation",
    WITHOUT_POOLING: "without pooling",
    WITHOUT_FACES: "without faces to learn from",
}

Right = NDArray[np.bool_]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A method on the scenes of one regime.

    Attributes:
        method: What it is called.
        accuracy: Share of the scenes named right, in [0, 1].
        low: Lower end of the 95 % interval, by people and pictures.
        high: Upper end.
        behind: How much lower it is than the best unit of the last stage on the same scenes;
            negative if it is higher.
        behind_low: Lower end of the 95 % interval of that.
        behind_high: Upper end.
        chosen: What was chosen, on either half; empty where nothing is.
        ceiling: Whether it learned from labels of the other half: shown, not to be beaten.
    """

    method: str
    accuracy: float
    low: float
    high: float
    behind: float
    behind_low: float
    behind_high: float
    chosen: list[str]
    ceiling: bool = False


class Network(NamedTuple):
    """A trained network of the study, and how it was trained."""

    stack: Stack
    recipe: Recipe


class Materials(NamedTuple):
    """What the methods are made of.

    Attributes:
        networks: By the name of their variant.
        scenes: Training scenes.
        seed: Of random weights, filters and clusters.
    """

    networks: Mapping[str, Network]
    scenes: Pictures
    seed: int

    @property
    def whole(self) -> Network:
        """The network that the study is about."""
        return self.networks[WHOLE]

    def untrained(self) -> Stack:
        """Build the same network with random weights."""
        stack, recipe = self.whole
        sample = fitting_sample(recipe, self.scenes)
        return untrained_stack(recipe, stack, sample, seed=derive(self.seed, "random")).eval()

    def templates(self) -> dict[str, Candidates]:
        """Make linear filters of training scenes, and of their clusters."""
        stack = self.whole.stack
        draw = generator(self.seed, "filters")
        chosen = torch.randperm(len(self.scenes), generator=draw)[: 5 * FILTERS]
        with torch.no_grad():
            prepared = stack.prepare(self.scenes.at(chosen))
        means = kmeans_means(prepared, count=MEANS, seed=derive(self.seed, "k-means"))
        return {
            "best linear filter": bank_candidates(stack, template_bank(prepared[:FILTERS])),
            "k-means templates": bank_candidates(stack, template_bank(means)),
        }


class Chosen(NamedTuple):
    """The best units of the last stage, chosen on either half."""

    stage: str
    best: tuple[Best, ...]


def table(
    materials: Materials, judged: Judged, *, told: Callable[[str], None] = lambda _: None
) -> tuple[list[Row], Chosen]:
    """Try every method on the scenes of one regime.

    Args:
        materials: What they are made of.
        judged: The scenes.
        told: Told the name of each method before it is tried.

    Returns:
        The rows, and the best units of the last stage.
    """
    stack = materials.whole.stack
    told(BEST)
    own = cross(stack_candidates(stack), judged)
    rights: dict[str, tuple[Right, list[str]]] = {"majority guess": (majority(judged), [])}
    *lower, last = stack.names
    for method, candidates, network in _controls(materials):
        told(method)
        # Like with like: what is left out of a network is missed by what it gives.
        part = last if method in _ABLATIONS.values() else ""
        rights[method] = _outcome(cross(candidates, judged)[part], network)
    for place, name in enumerate(lower):
        words = ("first", "second", "third")[place] if place < 3 else f"{place + 1}th"
        if name in own:
            rights[f"best unit of the {words} stage"] = _outcome(own[name], stack)
    rights[BEST] = _outcome(own[last], stack)
    told("linear classifiers")
    ceilings = {
        "logistic regression on pixels": lambda images: images.flatten(1),
        "logistic regression on the last stage": stack.encode,
    }
    with torch.no_grad():
        for method, features in ceilings.items():
            rights[method] = probe(features, judged), []
    return _rows(rights, judged, set(ceilings)), Chosen(last, own[last].best)


def _controls(materials: Materials) -> Iterator[tuple[str, Candidates, Stack | None]]:
    """List what is scored as units are, but for the network itself."""
    yield "image statistics", statistics_candidates(), None
    for method, candidates in materials.templates().items():
        yield method, candidates, None
    untrained = materials.untrained()
    yield "random weights", stack_candidates(untrained), untrained
    for name, words in _ABLATIONS.items():
        stack = materials.networks[name].stack
        yield words, stack_candidates(stack), stack


def _outcome(crossed: Crossed, stack: Stack | None) -> tuple[Right, list[str]]:
    """Name what was chosen."""
    return crossed.right, [_name(one, stack) for one in crossed.best]


def _name(best: Best, stack: Stack | None) -> str:
    """Name a unit by its stage and place, anything else by its number."""
    if stack is None:
        return STATISTICS[best.place] if best.part == "statistics" else str(best.place)
    shape = stack.stage(best.part).output_shape
    return f"{best.part} {unit_name(shape, unit_at(shape, best.place))}"


def _rows(
    rights: Mapping[str, tuple[Right, list[str]]], judged: Judged, ceilings: set[str]
) -> list[Row]:
    """Bound every figure by the same draws of people and pictures."""
    columns = np.stack([right for right, _ in rights.values()], 1).astype(np.float64)
    best = columns[:, list(rights).index(BEST)]
    bound = partial(bootstrap_means, groups=judged.groups)
    figures, behind = bound(columns), bound(best[:, None] - columns)
    return [
        Row(
            method=method,
            accuracy=round(own.mean, 6),
            low=round(own.low, 6),
            high=round(own.high, 6),
            behind=round(less.mean, 6),
            behind_low=round(less.low, 6),
            behind_high=round(less.high, 6),
            chosen=chosen,
            ceiling=method in ceilings,
        )
        for (method, (_, chosen)), own, less in zip(rights.items(), figures, behind, strict=True)
    ]

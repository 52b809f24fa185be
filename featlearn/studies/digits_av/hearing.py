"""(c) Hearing to see: a classifier that learned from sound names images, and the reverse."""

import time
from collections.abc import Mapping

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from featlearn.config.modalities import PairsSpec
from featlearn.datasets.imageset import Indices
from featlearn.datasets.pairing import pair_samples
from featlearn.evaluate.transfer import (
    Map,
    across,
    canonical,
    linear_map,
    small_net,
)
from featlearn.networks.multimodal import MultimodalNet, build_shared
from featlearn.seeds import derive
from featlearn.studies.digits_av.material import IMAGE, SOUND, Material, Numbers
from featlearn.training.multimodal import learn_shared
from featlearn.training.progress import Progress
from featlearn.training.shared_code import PairedMaterial, SharedProblem
from featlearn.training.unrecorded import Unrecorded

SHARED = "shared code"
"""The method that the study is about."""

DIRECTIONS = {"seen": (SOUND, IMAGE), "heard": (IMAGE, SOUND)}
"""Which modality the classifier learns from, and which it then names: images seen, digits heard."""

_LEARNED_FROM = 6000  # samples that the classifier learns from, at most
_AT_ONCE = 2000
_DIRECTIONS_OF_CCA = 20


def constants() -> dict[str, object]:
    """Name what decides the figures of hearing to see beside the recipe, as a table."""
    return {"learned_from": _LEARNED_FROM, "directions_of_cca": _DIRECTIONS_OF_CCA}


class Wrong(msgspec.Struct, frozen=True):
    """Test samples that a method named wrong, by their places: of images, and of recordings."""

    seen: list[int]
    heard: list[int]


class Draw(msgspec.Struct, frozen=True):
    """One draw of pairs.

    Attributes:
        pairs: How many.
        seconds: Time that the shared code took to learn; 0 where the run's own is judged.
        wrong: By method, what was named wrong.
    """

    pairs: int
    seconds: float
    wrong: dict[str, Wrong]


def seed_of(material: Material, draw: int) -> int:
    """Give the seed of a draw, of the first the run's own; no two seeds share another."""
    seed = material.recipe.seed
    return seed if draw == 0 else derive(seed, "draw", draw) % 2**31


def draw_pairs(material: Material, *, count: int | None, draw: int) -> Indices:
    """Draw pairs of one class; one for every image without a count.

    The first draw of that is the one that the run has learned from.
    """
    spec, seed = PairsSpec(by="class", count=count), seed_of(material, draw)
    return pair_samples(material.recipe.names, material.learned, spec, seed=seed)


def hear(material: Material, *, count: int | None, draw: int, progress: Progress) -> Draw:
    """Let every method learn from a number of pairs, and judge it both ways.

    Args:
        material: Samples and stacks.
        count: Number of pairs; one for every image if absent.
        draw: Which draw of pairs, and of the weights of what learns from them; the first with a
            pair for every image is judged as the run has learned it.
        progress: Told of every step.
    """
    pairs = draw_pairs(material, count=count, draw=draw)
    begun = time.monotonic()
    whole = count is None and draw == 0 and material.trained
    net = material.net if whole else shared_of(material, pairs, draw=draw, progress=progress)
    seconds = time.monotonic() - begun
    wrong = {SHARED: judge_codes(material, net)}
    for what in material.components:
        for name, found in plain_methods(material, pairs, what=what, draw=draw).items():
            wrong[f"{name}, {what}"] = found
    return Draw(len(pairs), round(seconds, 1), wrong)


def shared_of(
    material: Material, pairs: Indices, *, draw: int, progress: Progress
) -> MultimodalNet:
    """Learn a shared code on the run's stacks, from pairs and from all samples by themselves."""
    recipe = msgspec.structs.replace(material.recipe, seed=seed_of(material, draw))
    stacks = [material.net.stack(place) for place in range(len(material.net.stacks))]
    shared = build_shared(recipe, stacks).to(material.device)
    # How the stacks' outputs are scaled is known, and the same for all draws.
    shared.scalers = material.net.shared.scalers
    net = MultimodalNet(stacks, shared)
    learned = PairedMaterial(material.described, pairs)
    problem = SharedProblem(net, recipe.shared, learned, seed=recipe.seed)
    learn_shared(net, problem, recipe, Unrecorded(progress), scale=False)
    return net


def judge_codes(material: Material, net: MultimodalNet) -> Wrong:
    """Judge a shared code both ways, by what is named wrong."""
    train = [_codes(net, place, x) for place, x in enumerate(material.plain)]
    test = [_codes(net, place, x) for place, x in enumerate(material.tested)]
    return _judged(material, train, test)


def plain_methods(
    material: Material, pairs: Indices, *, what: str, draw: int
) -> Mapping[str, Wrong]:
    """Judge canonical correlations, linear maps and small nets.

    Args:
        material: Samples.
        pairs: What they learn from.
        what: Principal components of the `inputs`, or of the `stacks`.
        draw: Which draw.
    """
    seed = seed_of(material, draw)
    train, test = material.components[what]
    sides = [train[place][pairs[:, place]] for place in (IMAGE, SOUND)]
    maps = canonical(sides[0], sides[1], count=_DIRECTIONS_OF_CCA, seed=seed)
    moved = [maps.first, maps.second]
    correlated = _judged(
        material,
        [each(x) for each, x in zip(moved, train, strict=True)],
        [each(x) for each, x in zip(moved, test, strict=True)],
    )
    found = {"CCA": correlated}
    for name in ("linear map", "small net"):
        ways: dict[str, list[int]] = {}
        for way, (source, target) in DIRECTIONS.items():
            given, wanted = sides[target], sides[source]
            apply: Map = (
                linear_map(given, wanted)
                if name == "linear map"
                else small_net(given, wanted, seed=seed)
            )
            ways[way] = _wrong(
                material, way, train[source], apply(train[target]), apply(test[target])
            )
        found[name] = Wrong(**ways)
    return found


def _judged(material: Material, train: list[Numbers], test: list[Numbers]) -> Wrong:
    """Judge codes of both modalities both ways."""
    ways = {
        way: _wrong(material, way, train[source], train[target], test[target])
        for way, (source, target) in DIRECTIONS.items()
    }
    return Wrong(**ways)


def _wrong(
    material: Material, way: str, source: Numbers, target: Numbers, judged: Numbers
) -> list[int]:
    """List the test samples that a classifier of the other modality's codes names wrong."""
    learned, named = DIRECTIONS[way]
    labels = material.labels(learned)
    some = np.random.default_rng(0).permutation(len(labels))[:_LEARNED_FROM]
    found = across(source[some], labels[some], target, judged)
    return np.flatnonzero(found != material.truth(named)).tolist()


@torch.no_grad()
def _codes(net: MultimodalNet, place: int, scaled: torch.Tensor) -> NDArray[np.float32]:
    """Lead one modality to the shared code."""
    parts = [net.shared.join([net.shared.lift(place, some)]) for some in scaled.split(_AT_ONCE)]
    return torch.cat(parts).cpu().numpy()

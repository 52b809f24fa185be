"""The figures of docs/objectives.md: one network that learned by an objective, and controls."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from objectives_methods import Topic
from torch import Tensor

from featlearn.config.recipe import Recipe
from featlearn.datasets.held_out import split_training
from featlearn.datasets.imageset import ImageSet
from featlearn.datasets.labels import balanced_subset
from featlearn.datasets.source import open_splits
from featlearn.evaluate.gabor import share_of_gabors
from featlearn.evaluate.gabor_fits import fit_gabors
from featlearn.evaluate.probe import linear_probe
from featlearn.evaluate.projection import central_units, project_units
from featlearn.heads.finetuning import untrained_stack
from featlearn.networks.stack import Stack
from featlearn.stages.whitening import PCA
from featlearn.training.pictures import Pictures

ACTIVE = (5, 10, 20)
"""Codes of an image that are kept, where explained variance is compared."""

_FITTED = 10_000  # images that decoders are fitted on, at most
_AT_ONCE = 500
_RIDGE = 1e-6  # of the mean variance of codes

Rows = NDArray[np.float64]
Encode = Callable[[Tensor], Tensor]


class Images(NamedTuple):
    """What is measured on: images that were learned from, held out, and for probes.

    Attributes:
        learned: Learned from, at most 10,000 of them.
        held_out: Not learned from.
        train: All of the training split, with labels.
        test: The test split, if there is one.
    """

    learned: Pictures
    held_out: Pictures
    train: ImageSet
    test: ImageSet | None


class Coder(NamedTuple):
    """Something that codes images.

    Attributes:
        code: From images `(n, maps, height, width)` to `(n, units)`.
        output: To the features that a classifier is given.
        patterns: What each unit adds to the image, `(units, height, width)`.
    """

    code: Encode
    output: Encode
    patterns: Rows


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What one coder comes to.

    Attributes:
        explained: Explained variance of held-out images, by how many codes of each are kept.
        gabor: Share of the patterns with R² of at least 0.7; `None` for digits.
        accuracies: Of the linear probe, one for each draw of labels; none for scenes.
        features: Numbers that the probe is given.
    """

    explained: dict[int, float]
    gabor: float | None
    accuracies: list[float]
    features: int | None


def open_images(recipe: Recipe) -> Images:
    """Open the images that a recipe learns from, and those that it is judged by."""
    splits = open_splits(recipe.data, root=None, seed=recipe.seed)
    learned, held_out = split_training(recipe, splits.train)
    some = np.linspace(0, len(learned) - 1, min(len(learned), _FITTED)).astype(np.int64)
    cpu = torch.device("cpu")
    return Images(
        Pictures(learned.subset(some), cpu), Pictures(held_out, cpu), splits.train, splits.test
    )


def coder_of(stack: Stack) -> Coder:
    """Take the only stage of a network as a coder."""
    name = stack.names[0]
    return Coder(
        lambda images: stack.encode(images, stage=name, what="code"),
        lambda images: stack.encode(images, stage=name),
        _planes(project_units(stack, 0, central_units(stack.stage(0)))),
    )


def controls_of(stack: Stack, recipe: Recipe, images: Images) -> dict[str, Coder]:
    """Make what learned nothing of the units: random filters, and principal components."""
    white = whitening(stack)
    random = untrained_stack(recipe, stack, images.learned, seed=recipe.seed + 1).eval()
    height, width = stack.input_shape[1:]

    components = _prepared(stack)
    patterns = white.inverse.T.view(-1, 1, height, width)
    return {
        "random": coder_of(random),
        "components": Coder(components, components, _planes(patterns)),
    }


def pixels(some: Tensor) -> Tensor:
    """Give the plain numbers of images."""
    return some.flatten(1)


def whitening(stack: Stack) -> PCA:
    """Find what whitens a network's images."""
    (white,) = (step for step in stack.preprocess if isinstance(step, PCA))
    return white


def measured(
    coder: Coder, images: Images, topic: Topic, *, stack: Stack, draws: int, labels: int
) -> Measured:
    """Measure a coder.

    Args:
        coder: What codes.
        images: What it is measured on.
        topic: Scenes, rebuilt as they are whitened, whose filters may be edges; or digits,
            rebuilt as pixels, whose classes are to be told.
        stack: What whitens scenes.
        draws: Of labels for the probe.
        labels: In each.
    """
    target: Encode = pixels
    lengths = coder.patterns.reshape(len(coder.patterns), -1)
    if topic == "edges":
        lengths = lengths @ whitening(stack).matrix.double().numpy().T
        target = _prepared(stack)
    reach = np.linalg.norm(lengths, axis=1)
    explained = explained_variance(coder.code, target, images, reach)
    if topic == "edges":
        gabor = share_of_gabors(fit_gabors(coder.patterns))
        return Measured(explained=explained, gabor=gabor, accuracies=[], features=None)
    accuracies, features = probes(coder.output, images, draws=draws, labels=labels)
    return Measured(explained=explained, gabor=None, accuracies=accuracies, features=features)


def explained_variance(
    code: Encode, target: Encode, images: Images, reach: Rows
) -> dict[int, float]:
    """Keep the largest codes of each image, and say how much of held-out images they rebuild.

    A code counts by how far it is from the unit's median over images that were learned from,
    times the length of what it adds. The others are set to that median. Of what is kept the
    target is rebuilt by the decoder of least squares, fitted on images that were learned from:
    the same for all, whether or not an objective has a decoder of its own, and whatever
    the scale of codes.

    Args:
        code: What codes.
        target: What is to be rebuilt.
        images: To fit on, and to judge by.
        reach: Length of what each unit adds, `(units,)`.

    Returns:
        1 - ‖x̂ - x‖² / ‖x - mean x‖² over the held-out images, by the number of codes.
    """
    fitted, judged = _rows(code, images.learned), _rows(code, images.held_out)
    rest = np.median(fitted, axis=0)
    fitted, judged = fitted - rest, judged - rest
    seen, wanted = _rows(target, images.learned), _rows(target, images.held_out)
    variance = np.square(wanted - wanted.mean(0)).sum()
    found: dict[int, float] = {}
    for active in ACTIVE:
        some = kept(fitted, reach, active)
        mean, offset = some.mean(0), seen.mean(0)
        square = (some - mean).T @ (some - mean)
        square += np.eye(len(square)) * max(_RIDGE * square.trace() / len(square), 1e-12)
        decoder = np.linalg.solve(square, (some - mean).T @ (seen - offset))
        rebuilt = (kept(judged, reach, active) - mean) @ decoder + offset
        found[active] = float(1 - np.square(wanted - rebuilt).sum() / variance)
    return found


def kept(codes: Rows, reach: Rows, active: int) -> Rows:
    """Set all but the `active` codes of each row to 0 that count most."""
    counts = np.abs(codes) * reach
    active = min(active, codes.shape[1])
    places = np.argpartition(-counts, active - 1, axis=1)[:, :active]
    some = np.zeros_like(codes)
    np.put_along_axis(some, places, np.take_along_axis(codes, places, axis=1), axis=1)
    return some


def probes(output: Encode, images: Images, *, draws: int, labels: int) -> tuple[list[float], int]:
    """Fit linear classifiers to few labels, and test each on the test split.

    Returns:
        The accuracy for each draw of labels, and how many features there are.
    """
    train, test = images.train, images.test
    assert train.labels is not None
    assert test is not None
    assert test.labels is not None
    cpu = torch.device("cpu")
    judged = _rows(output, Pictures(test, cpu))
    found: list[float] = []
    for draw in range(draws):
        some = balanced_subset(train.labels, labels, seed=draw, classes=train.classes)
        rows = _rows(output, Pictures(train.subset(some), cpu))
        score = linear_probe(rows, train.labels[some], judged, test.labels)
        found.append(score.accuracy)
    return found, judged.shape[1]


@torch.no_grad()
def _rows(encode: Encode, images: Pictures) -> Rows:
    """Code images a few at a time."""
    return torch.cat([encode(some) for some in images.batches(_AT_ONCE)]).double().numpy()


def _planes(patterns: Tensor) -> Rows:
    return patterns[:, 0].double().numpy()


def _prepared(stack: Stack) -> Encode:
    """Give scenes as all networks are given them, whatever a stage does to its input."""
    return lambda images: stack.prepare(images).flatten(1)

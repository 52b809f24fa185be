"""What a head takes for something else, and what its answers depend on, in the page."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from featlearn.config.recipe import Recipe
from featlearn.datasets.imageset import ImageSet
from featlearn.datasets.labels import match_classes
from featlearn.datasets.source import open_splits
from featlearn.datasets.tensors import as_tensor
from featlearn.errors import DataError, FeatlearnError
from featlearn.evaluate.confused import Confused, most_confused
from featlearn.heads.classifier import Classifier
from featlearn.heads.problem import logits_of
from featlearn.heads.store import load_classifier
from featlearn.report.embed import EmbeddedImage, embed_png
from featlearn.report.evaluations import EvaluationRecord
from featlearn.report.words import names_only
from featlearn.training.pictures import Pictures
from featlearn.training.rundir import HeadFolder
from featlearn.visualize.confused import confused_figure
from featlearn.visualize.saliency import covered_side, draw_answers
from featlearn.visualize.style import Figure, png_bytes
from featlearn.visualize.tiles import spread
from featlearn.wording import count

_PAIRS, _ASKED = 5, 8
_MOST = 2000
_OPERATIONS = 4e10
"""Operations for each of the two pictures of a head, about: some seconds."""

_GRADIENTS = 3 * 33
"""What the gradients of an image cost, in passes through the network."""


class Mistakes(NamedTuple):
    """Pictures of a head's answers to test images, and which these are.

    Attributes:
        pictures: Confused images, and which pixels answers depend on.
        words: Which images were looked at, or why there are none.
    """

    pictures: list[EmbeddedImage]
    words: str


class Looking(NamedTuple):
    """How images may be looked at.

    Attributes:
        flops: Operations of the network for an image.
        root: Where data sets are.
        device: Where to compute.
    """

    flops: int
    root: Path | None
    device: torch.device


class _Judged(NamedTuple):
    """Test images, and what a head says of them."""

    classifier: Classifier
    classes: tuple[str, ...]
    images: Pictures
    labels: Tensor
    logits: Tensor


def mistakes_of(
    folder: HeadFolder,
    record: EvaluationRecord,
    looking: Looking,
) -> Mistakes | None:
    """Look at test images that a head was already judged on.

    How many there is time for is reckoned by operations, never by the clock: the same run gives
    the same page.

    Args:
        folder: The trained head.
        record: Its figures.
        looking: With what, and where.

    Returns:
        `None` for a head that was judged on other images than its recipe's test split.
    """
    if record.split != "test":
        return None
    affordable = _OPERATIONS / max(looking.flops, 1)
    most = min(int(affordable), _MOST, record.images)
    hint = f"`featlearn visualize RUN --what confused,saliency --head {folder.path.name}`"
    if affordable < _ASKED:
        return Mistakes([], f"Its answers are not drawn here, which would take long: {hint}.")
    source = record.source
    try:
        judged = _judge(folder, record, looking, most=most)
    except FeatlearnError as error:
        return Mistakes([], f"Its answers are not drawn: {names_only(str(error), source)}.")
    name, of = folder.path.name, len(judged.images)
    among = "all" if of == record.images else f"{count(of)} of the"
    words = f"Looked at are {among} {count(record.images)} test images."
    wrong = most_confused(judged.logits, judged.labels, pairs=_PAIRS)
    pictures = [_confused(judged, wrong, name)] if wrong else []
    words += "" if wrong else " None of them is taken for another class."
    passes = _passes(judged.images)
    asked = min(int(affordable / passes), _ASKED)
    if asked:
        pictures.append(_answers(judged, wrong, name, most=asked))
    else:
        words += f" Which pixels count is not drawn here, which would take long: {hint}."
    return Mistakes(pictures, words)


def _judge(folder: HeadFolder, record: EvaluationRecord, looking: Looking, *, most: int) -> _Judged:
    """Open the head and the test images, and ask it about them.

    Raises:
        FeatlearnError: If a file is missing or damaged, or the images are not those of the figures.
    """
    loaded = load_classifier(folder.path)
    test = _test_images(loaded.recipe, record, looking.root)
    labels = match_classes(test, loaded.classes)
    places = spread(len(test), most)
    images = Pictures(test.subset(places), looking.device)
    classifier = loaded.classifier.to(looking.device)
    if images.shape != classifier.stack.input_shape:
        raise DataError("the data have another shape than the network takes")
    logits = logits_of(classifier, images)
    known = as_tensor(labels[places]).to(looking.device)
    return _Judged(classifier, loaded.classes, images, known, logits)


def _test_images(recipe: Recipe, record: EvaluationRecord, root: Path | None) -> ImageSet:
    """Open the test split that the figures are of."""
    test = open_splits(recipe.data, root=root, seed=recipe.seed).test
    if test is None or len(test) != record.images:
        raise DataError(f"the test split of {record.source} is not that of its figures")
    return test


def _passes(images: Pictures) -> int:
    """Reckon how many passes through the network one image of the second picture takes."""
    size = covered_side(images.at(range(1)))
    height, width = images.shape.height, images.shape.width
    step = max(size // 2, 1)
    return _GRADIENTS + ((height - size) // step + 2) * ((width - size) // step + 2)


def _confused(judged: _Judged, wrong: list[Confused], name: str) -> EmbeddedImage:
    """Draw the images behind the most frequent mistakes."""
    images = [judged.images.at(pair.places) for pair in wrong]
    figure = confused_figure(wrong, images, judged.classes, name=name)
    pairs = [f"{judged.classes[pair.true]} for {judged.classes[pair.predicted]}" for pair in wrong]
    return _embedded(figure, f"Images that are taken for another class: {', '.join(pairs)}.")


def _answers(judged: _Judged, wrong: list[Confused], name: str, *, most: int) -> EmbeddedImage:
    """Draw which pixels answers depend on: of a mistake of each kind, and of other images."""
    chosen = [int(pair.places[0]) for pair in wrong][: most // 2]
    others = [place for place in range(len(judged.images)) if place not in set(chosen)]
    chosen += [others[k] for k in spread(len(others), most - len(chosen))]
    places = torch.tensor(chosen, device=judged.labels.device)
    figure = draw_answers(
        judged.classifier,
        judged.images.at(places),
        judged.logits[places],
        judged.labels[places],
        classes=judged.classes,
        name=name,
    )
    return _embedded(figure, f"Which pixels the answers to {len(chosen)} images depend on.")


def _embedded(figure: Figure, alt: str) -> EmbeddedImage:
    """Put a figure into the page."""
    width = round(100 * float(figure.get_size_inches()[0]))
    return embed_png(png_bytes(figure), alt=alt, most=width)

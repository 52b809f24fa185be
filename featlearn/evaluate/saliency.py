"""Which pixels a classifier's answer depends on."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from featlearn.errors import ShapeError, UsageError
from featlearn.heads.classifier import Classifier


class Occlusion(NamedTuple):
    """What is lost of a class's log-probability when a patch of the image is covered.

    Attributes:
        drop: In nats, `(n, rows, columns)`: positive where the patch spoke for the class.
        tops: First row of the patches of each row, `(rows,)`.
        lefts: First column of the patches of each column, `(columns,)`.
        size: Side of a patch, in pixels.
        pixels: `(n, height, width)`: at each pixel the mean of the drops of the patches that
            cover it; zero where none does.
    """

    drop: Tensor
    tops: Tensor
    lefts: Tensor
    size: int
    pixels: Tensor


def gradient_saliency(classifier: Classifier, images: Tensor, classes: Tensor) -> Tensor:
    """Differentiate the score of a class by the pixels.

    Args:
        classifier: Stages and head; used as in evaluation.
        images: `(n, maps, height, width)` in [0, 1].
        classes: The class whose logit is asked for, of each image, `(n,)`.

    Returns:
        `(n, maps, height, width)`, logits per unit of a pixel. Multiplied by the image, it
        is "gradient times input".

    Raises:
        ShapeError: If there is not one class for each image.
        UsageError: If there is no such class.

    Source:
        Simonyan, Vedaldi & Zisserman, ICLR workshop 2014, eq. 3-4.
    """
    return _gradient(classifier, images, _checked(classifier, images, classes))


def integrated_gradients(
    classifier: Classifier,
    images: Tensor,
    classes: Tensor,
    *,
    baseline: Tensor | float = 0.5,
    steps: int = 32,
) -> Tensor:
    """Share the score of a class out among the pixels.

    The gradient is averaged over the straight way from a baseline to the image (at the
    middles of equal steps), and multiplied by their difference. The shares add up to what
    the image's logit is above the baseline's, but for the error of that average.

    Args:
        classifier: Stages and head; used as in evaluation.
        images: `(n, maps, height, width)` in [0, 1].
        classes: The class whose logit is shared out, of each image, `(n,)`.
        baseline: What stands for "nothing to see": a grey, or images of that shape.
        steps: How many points of the way are averaged over, at least 1.

    Returns:
        `(n, maps, height, width)`, in logits.

    Raises:
        ShapeError: If there is not one class for each image.
        UsageError: If there is no such class, or no step.

    Source:
        Sundararajan, Taly & Yan, ICML 2017, eq. 1 and 3.
    """
    classes = _checked(classifier, images, classes)
    if steps < 1:
        raise UsageError(f"integrated gradients need at least 1 step; got {steps}")
    start = torch.as_tensor(baseline, dtype=images.dtype, device=images.device)
    total = torch.zeros_like(images)
    for step in range(steps):
        point = torch.lerp(start.expand_as(images), images, (step + 0.5) / steps)
        total += _gradient(classifier, point, classes)
    return total / steps * (images - start)


@torch.no_grad()
def occlusion(
    classifier: Classifier,
    images: Tensor,
    classes: Tensor,
    *,
    size: int,
    stride: int | None = None,
    fill: float | None = None,
    batch: int = 256,
) -> Occlusion:
    """Cover a patch of the image, wherever it fits, and see what the classifier then says.

    Args:
        classifier: Stages and head; used as in evaluation.
        images: `(n, maps, height, width)` in [0, 1].
        classes: The class whose log-probability is watched, of each image, `(n,)`.
        size: Side of the patch, in pixels.
        stride: Step between patches; half of `size` if absent. The last patch of a row or
            column ends at the border, so that steps of at most `size` leave no pixel out.
        fill: What the patch is filled with; the mean of each map of the image if absent.
        batch: Covered images that are classified at once.

    Returns:
        The drops, patch by patch and spread over the pixels.

    Raises:
        ShapeError: If there is not one class for each image, or the patch does not fit.
        UsageError: If there is no such class, or the stride is under 1.

    Source:
        Zeiler & Fergus, ECCV 2014, section 4.2.
    """
    classes = _checked(classifier, images, classes)
    height, width = images.shape[2:]
    if not 1 <= size <= min(height, width):
        raise ShapeError(f"a patch of {size} pixels does not fit into {height}x{width}")
    step = max(size // 2, 1) if stride is None else stride
    if step < 1:
        raise UsageError(f"the stride of patches is at least 1; got {step}")
    tops, lefts = _starts(height, size, step), _starts(width, size, step)
    whole = _log_probability(classifier, images, classes)
    filled = images.mean((2, 3)) if fill is None else images.new_full(images.shape[:2], fill)
    drop = images.new_zeros(len(images), len(tops) * len(lefts))
    places = [(top, left) for top in tops for left in lefts]
    for which, patches in _parts(len(images), len(places), batch):
        covered = images[which].clone()
        for place, patch in enumerate(patches.tolist()):
            top, left = places[patch]
            window = covered[place, :, top : top + size, left : left + size]
            window[:] = filled[which[place]].view(-1, 1, 1)
        seen = _log_probability(classifier, covered, classes[which])
        drop[which, patches] = whole[which] - seen
    drop = drop.unflatten(1, (len(tops), len(lefts)))
    pixels = _spread(drop, tops, lefts, size, (height, width))
    return Occlusion(drop, torch.tensor(tops), torch.tensor(lefts), size, pixels)


def _gradient(classifier: Classifier, images: Tensor, classes: Tensor) -> Tensor:
    """Differentiate the logits of classes by the pixels."""
    classifier.eval()
    with torch.enable_grad():
        given = images.detach().clone().requires_grad_()
        # Not `classifier(given)`, in which frozen stages let no gradient through.
        features = classifier.stack.maps_below(given, len(classifier.stack))
        scores = classifier.classify(features).gather(1, classes[:, None])
        (found,) = torch.autograd.grad(scores.sum(), given)
    return found


def _log_probability(classifier: Classifier, images: Tensor, classes: Tensor) -> Tensor:
    """Give the log-probability of a class of each image, `(n,)`."""
    classifier.eval()
    return F.log_softmax(classifier(images), dim=1).gather(1, classes[:, None]).squeeze(1)


def _checked(classifier: Classifier, images: Tensor, classes: Tensor) -> Tensor:
    """Give the classes where the images are; refuse what cannot be looked up."""
    if tuple(classes.shape) != (len(images),):
        raise ShapeError(
            f"{len(images)} images need ({len(images)},) classes; got {(*classes.shape,)}"
        )
    count = classifier.layers[-1].out_features
    assert isinstance(count, int)
    if len(classes) and not 0 <= int(classes.min()) <= int(classes.max()) < count:
        raise UsageError(
            f"the classifier has {count} classes, counted from 0; got "
            f"{int(classes.min())}..{int(classes.max())}"
        )
    return classes.to(images.device)


def _starts(length: int, size: int, stride: int) -> list[int]:
    """Place patches along an axis; the last one ends at the border."""
    starts = list(range(0, length - size + 1, stride))
    return starts if starts[-1] == length - size else [*starts, length - size]


def _parts(images: int, patches: int, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """List the places of images and of patches, a batch of their pairs at a time."""
    for start in range(0, images * patches, batch):
        pairs = torch.arange(start, min(start + batch, images * patches))
        yield pairs // patches, pairs % patches


def _spread(
    drop: Tensor, tops: list[int], lefts: list[int], size: int, shape: tuple[int, int]
) -> Tensor:
    """Average, at every pixel, over the patches that cover it."""
    total = drop.new_zeros(len(drop), *shape)
    count = drop.new_zeros(shape)
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            total[:, top : top + size, left : left + size] += drop[:, row, column, None, None]
            count[top : top + size, left : left + size] += 1
    return total / count.clamp_min(1)

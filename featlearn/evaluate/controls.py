"""What the best unit of a network must be better than: candidates that learned little or nothing.

Each gives responses `(n, candidates)`, which the best-unit test scores as it scores units:
choosing among many flatters all alike. The same network with random weights is
`featlearn.heads.finetuning.untrained_stack`, and a classifier that may use all units at once
is `featlearn.evaluate.probe.linear_probe`.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor

from featlearn.errors import DataError, ShapeError

STATISTICS = (
    "mean",
    "deviation",
    "skewness",
    "kurtosis",
    "least",
    "largest",
    "horizontal gradient",
    "vertical gradient",
)
"""What `image_statistics` measures, in its order."""

_AT_ONCE = 1024  # rows of a step of k-means


def image_statistics(images: Tensor) -> Tensor:
    """Measure each image as a whole: what can be told of it without any form.

    Args:
        images: `(n, maps, height, width)`, in any unit.

    Returns:
        `(n, len(STATISTICS))` double: mean and standard deviation; the standardised third
        and fourth moments, 0 for a constant image; the extremes; the mean squares of the
        differences between neighbours in a row and in a column, 0 where there are none.

    Raises:
        ShapeError: If the images are not 4-D.
    """
    if images.ndim != 4:
        raise ShapeError(f"images are (n, maps, height, width); got {tuple(images.shape)}")
    x = images.double()
    flat = x.flatten(1)
    mean, spread = flat.mean(1), flat.std(1, correction=0)
    standard = (flat - mean[:, None]) / torch.where(spread > 0, spread, 1.0)[:, None]
    found = [
        mean,
        spread,
        standard.pow(3).mean(1),
        standard.pow(4).mean(1),
        flat.amin(1),
        flat.amax(1),
        _energy(x.diff(dim=3)),
        _energy(x.diff(dim=2)),
    ]
    return torch.stack(found, 1)


def template_bank(images: Tensor) -> Tensor:
    """Make linear filters of images.

    Args:
        images: `(count, maps, height, width)`, prepared as the network's first stage gets them
            (`Stack.prepare`): drawn from the training images, for the test of the best linear
            filter among them; or the means that `kmeans_means` found.

    Returns:
        `(count, inputs)`: each image less its mean, at unit length. All zeros for a constant
        image, which then answers all images alike and cannot be chosen.
    """
    rows = images.flatten(1)
    rows = rows - rows.mean(1, keepdim=True)
    size = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    # What rounding leaves of a constant image is no direction.
    flat = size <= 1e-5 * images.flatten(1).abs().amax(1, keepdim=True) * rows.shape[1] ** 0.5
    return torch.where(flat, 0.0, rows / torch.where(flat, 1.0, size))


def template_responses(bank: Tensor, images: Tensor) -> Tensor:
    """Compute the inner product of every image with every filter.

    Args:
        bank: `(count, inputs)`, as `template_bank` makes it.
        images: `(n, maps, height, width)`, prepared as those of the bank were.

    Returns:
        `(n, count)`.

    Raises:
        ShapeError: If the images have other than `inputs` numbers.
    """
    rows = images.flatten(1)
    if rows.shape[1] != bank.shape[1]:
        raise ShapeError(
            f"the filters take {bank.shape[1]} numbers; got images of {tuple(images.shape[1:])}"
        )
    return rows @ bank.T


def kmeans_means(images: Tensor, *, count: int, seed: int) -> Tensor:
    """Cluster images without labels.

    Args:
        images: `(n, maps, height, width)`, prepared as the network's first stage gets them.
        count: How many clusters; fewer if there are fewer images.
        seed: Of the first means.

    Returns:
        `(count, maps, height, width)`, the means of the clusters, on the device of the images.

    Raises:
        DataError: If there are no images.

    Source:
        Sculley, WWW 2010, as in scikit-learn.
    """
    if not len(images):
        raise DataError("k-means needs images; got none")
    rows = images.flatten(1).float().cpu().numpy()
    model = MiniBatchKMeans(min(count, len(rows)), batch_size=_AT_ONCE, random_state=seed % 2**32)
    means = np.asarray(model.fit(rows).cluster_centers_, dtype=np.float32)
    return torch.from_numpy(means).to(images).view(-1, *images.shape[1:])


def told_apart(
    predictions: NDArray[np.int64], labels: NDArray[np.int64], positive: int
) -> NDArray[np.bool_]:
    """Score a classifier as a unit is scored: by one class against all others.

    Args:
        predictions: Classes that it named, `(n,)`.
        labels: True classes, `(n,)`.
        positive: The class to find.

    Returns:
        `(n,)`, whether an image was rightly put inside the class or outside.
    """
    return (predictions == positive) == (labels == positive)


def _energy(differences: Tensor) -> Tensor:
    """Average the squares over each image."""
    if not differences.numel():
        return differences.new_zeros(len(differences))
    return differences.square().flatten(1).mean(1)

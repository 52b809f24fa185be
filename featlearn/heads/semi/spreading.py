"""The way of labels that spread over the graph of what the stack makes alike."""

from typing import final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from featlearn.autoencoders.objective import LossTerms
from featlearn.config.semi import PropagationSpec, SpreadSpec
from featlearn.errors import DataError
from featlearn.heads.classifier import Classifier
from featlearn.heads.labels import labels_of
from featlearn.heads.semi.way import Given, Way
from featlearn.ops.diffusion import certainty, nearest, spread_labels
from featlearn.ops.whitening import principal_axes
from featlearn.training.pictures import Pictures

_AT_ONCE = 256
_AXES_FROM = 10_000


@final
class Propagation(Way):
    """Each unlabelled image has the label that reaches it from its neighbours, as far as clear.

    Neighbours are found once, before the first step, among the images or among the features of
    the stack as it was learned without labels.

    Attributes:
        labels: `(n,)` class of each unlabelled image.
        clear: `(n,)` how clear it is, in [0, 1]: the weight of its loss.

    Source:
        Iscen, Tolias, Avrithis and Chum, CVPR 2019, section 4, with the graph of the first round
        only, and its classes kept to the labelled images' shares.
    """

    labels: Tensor
    clear: Tensor

    def __init__(
        self,
        spec: PropagationSpec,
        classifier: Classifier,
        labelled: Pictures,
        unlabelled: Pictures,
    ) -> None:
        """Let the labels spread.

        Args:
            spec: How.
            classifier: Whose features say what is alike.
            labelled: Images with labels.
            unlabelled: The others.

        Raises:
            DataError: If there are fewer images than neighbours.
        """
        super().__init__()
        spread = spread_over(spec, classifier, labelled, unlabelled)
        self.register_buffer("labels", torch.from_numpy(spread.argmax(1)))
        self.register_buffer("clear", torch.from_numpy(certainty(spread)).float())

    def terms(self, images: Tensor, given: Given) -> LossTerms:
        """Compute the cross-entropy with the labels that reached the images, weighed."""
        assert given.rows is not None, "labels are known by row"
        rows = given.rows.to(self.labels.device)
        logits = given.classifier(given.change(images, given.draw)).float()
        losses = F.cross_entropy(logits, self.labels[rows], reduction="none")
        return {"propagated": (losses * self.clear[rows]).mean()}


def spread_over(
    spec: PropagationSpec | SpreadSpec,
    classifier: Classifier,
    labelled: Pictures,
    unlabelled: Pictures,
) -> NDArray[np.float64]:
    """Let labels spread over the graph of like images.

    Args:
        spec: What makes images alike, and how far labels spread.
        classifier: Whose features may say it.
        labelled: Images with labels.
        unlabelled: The others.

    Returns:
        `(n, classes)`, probabilities of each unlabelled image.

    Raises:
        DataError: If there are fewer images than neighbours.
    """
    few, many = len(labelled), len(unlabelled)
    if few + many <= spec.neighbours:
        key = "neighbours" if isinstance(spec, PropagationSpec) else "spread.neighbours"
        raise DataError(
            f"{unlabelled.set.name}: finetune.semi.{key} is {spec.neighbours}, but there are "
            f"{few + many} images in all"
        )
    compared = [
        _features(classifier, part) if spec.of == "features" else _pixels(part)
        for part in (labelled, unlabelled)
    ]
    return spread_labels(
        nearest(_components(torch.cat(compared), spec.components), k=spec.neighbours),
        np.arange(few),
        labels_of(labelled).cpu().numpy(),
        classes=classifier.classes,
        alpha=spec.alpha,
    )[few:]


def _pixels(images: Pictures) -> Tensor:
    """Give images as they are, `(n, numbers)`."""
    return torch.cat([x.flatten(1).cpu() for x in images.batches(_AT_ONCE)])


@torch.no_grad()
def _features(classifier: Classifier, images: Pictures) -> Tensor:
    """Compute the features as the head is given them, `(n, numbers)`, as in use."""
    classifier.eval()
    parts = [
        classifier.scaler(classifier.pooled(classifier.features(x))).flatten(1).cpu()
        for x in images.batches(_AT_ONCE)
    ]
    classifier.train()
    return torch.cat(parts)


def _components(features: Tensor, count: int) -> Tensor:
    """Keep the first principal components, as measured on some of the features.

    Where there are no more numbers than that, they are centred: the axes would change no cosine.
    """
    every = -(-len(features) // _AXES_FROM)
    some = features[::every]
    if features.shape[1] <= count:
        return features - some.mean(0)
    principal = principal_axes(some)
    return (features - principal.mean.float()) @ principal.axes[:count].float().T

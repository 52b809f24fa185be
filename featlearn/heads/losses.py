"""Losses of heads: what an output is compared with, and how far off it is."""

import math
from abc import ABC, abstractmethod
from typing import NamedTuple, assert_never

import torch
from torch import Tensor
from torch.nn import functional as F

from featlearn.config.heads import (
    ClassificationSpec,
    HeadSpec,
    MultiLabelSpec,
    RegressionSpec,
)
from featlearn.datasets.tensors import as_tensor
from featlearn.errors import RecipeError
from featlearn.heads.classifier import Classifier
from featlearn.heads.labels import check_binary, labels_of, output_names, targets_of
from featlearn.ops.hinge import squared_hinge
from featlearn.training.pictures import Pictures

_NEAR = 0.1  # standard deviations of a target, within which a number counts as right


class Guess(NamedTuple):
    """What the loss of a head is before it has learned anything, and what that is called."""

    loss: float
    words: str


class HeadLoss(ABC):
    """How far outputs of a head are from what images are labelled with.

    Attributes:
        name: What the term is called.
        guess: Loss of outputs that are all zero, where it is the same for any labels.
    """

    name: str
    guess: Guess | None = None

    @abstractmethod
    def aims(self, images: Pictures) -> Tensor:
        """Give what each image is labelled with, `(n,)` classes or `(n, k)` numbers.

        Raises:
            DataError: If they have none, or none that this loss takes.
        """

    @abstractmethod
    def each(self, outputs: Tensor, aims: Tensor) -> Tensor:
        """Compute the loss of each image, `(n,)`, from outputs `(n, k)`."""

    def mean(self, outputs: Tensor, aims: Tensor) -> Tensor:
        """Compute the mean loss of a batch."""
        return self.each(outputs, aims).mean()

    @abstractmethod
    def wrong(self, outputs: Tensor, aims: Tensor) -> Tensor:
        """Tell the answers that are wrong: booleans, `(n,)` or one for each label `(n, k)`."""

    def measured(self, outputs: Tensor, aims: Tensor) -> dict[str, float]:
        """Measure images that are not learned from: the term, the error, and `loss`."""
        loss = float(self.mean(outputs, aims))
        error = float(self.wrong(outputs, aims).float().mean())
        return {self.name: loss, "error": error, "loss": loss}


class ClassLoss(HeadLoss):
    """What the losses of a classification share: one class for each image, and its weight."""

    def __init__(self, weights: Tensor | None) -> None:
        """Take the weight of each class, `(classes,)`, or none."""
        self.weights = weights

    def aims(self, images: Pictures) -> Tensor:
        """Give the class of each image, `(n,)`."""
        return labels_of(images)

    def each(self, outputs: Tensor, aims: Tensor) -> Tensor:
        """Weigh the loss of each image."""
        losses = self.unweighted(outputs, aims)
        return losses if self.weights is None else losses * self.weights[aims]

    @abstractmethod
    def unweighted(self, outputs: Tensor, aims: Tensor) -> Tensor:
        """Compute the loss of each image."""

    def wrong(self, outputs: Tensor, aims: Tensor) -> Tensor:
        """Tell the images that another class has a greater output for."""
        return outputs.argmax(1) != aims


class SoftmaxLoss(ClassLoss):
    """Cross-entropy of the softmax over classes, with label smoothing (Szegedy et al. 2016)."""

    name = "cross_entropy"

    def __init__(self, weights: Tensor | None, *, classes: int, smoothing: float = 0.0) -> None:
        """Take the weights, and what smoothing gives away to all classes alike."""
        super().__init__(weights)
        self.smoothing = smoothing
        self.guess = Guess(math.log(classes), f"ln {classes}") if weights is None else None

    def unweighted(self, outputs: Tensor, aims: Tensor) -> Tensor:
        """Compute the cross-entropy of each image, in nats."""
        return F.cross_entropy(outputs, aims, label_smoothing=self.smoothing, reduction="none")

    def mean(self, outputs: Tensor, aims: Tensor) -> Tensor:
        """Compute the mean, in one operation where nothing is weighed."""
        if self.weights is not None:
            return super().mean(outputs, aims)
        return F.cross_entropy(outputs, aims, label_smoothing=self.smoothing)

    def measured(self, outputs: Tensor, aims: Tensor) -> dict[str, float]:
        """Measure without smoothing, which is for learning."""
        plain = SoftmaxLoss(self.weights, classes=outputs.shape[1])
        return HeadLoss.measured(plain, outputs, aims)


class HingeLoss(ClassLoss):
    """Squared hinge of each class against the rest (Tang 2013)."""

    name = "hinge"

    def __init__(self, weights: Tensor | None, *, classes: int) -> None:
        """Take the weights."""
        super().__init__(weights)
        self.guess = Guess(float(classes), "1 a class") if weights is None else None

    def unweighted(self, outputs: Tensor, aims: Tensor) -> Tensor:
        """Sum the squared hinges of each image over classes."""
        return squared_hinge(outputs, aims)


class TargetLoss(HeadLoss):
    """What the losses of numbers and of sets of labels share: columns of targets."""

    def aims(self, images: Pictures) -> Tensor:
        """Give the targets of each image, `(n, k)` float32."""
        return as_tensor(targets_of(images.set)).to(images.device)


class RegressionLoss(TargetLoss):
    """Error of numbers in standard deviations of their targets, averaged over the columns."""

    def __init__(self, spec: RegressionSpec, centre: Tensor, scale: Tensor) -> None:
        """Take the kind of error, and the targets' mean and deviation, `(k,)`."""
        self.spec = spec
        self.name = spec.loss
        self.centre, self.scale = centre, scale

    def each(self, outputs: Tensor, aims: Tensor) -> Tensor:
        """Average each image's error over the columns."""
        wanted = self._standard(aims).to(outputs.dtype)
        match self.spec.loss:
            case "l2":
                errors = (outputs - wanted).square()
            case "l1":
                errors = (outputs - wanted).abs()
            case "huber":
                delta = self.spec.delta or 1.0
                errors = F.huber_loss(outputs, wanted, reduction="none", delta=delta)
            case _:
                assert_never(self.spec.loss)
        return errors.mean(1)

    def wrong(self, outputs: Tensor, aims: Tensor) -> Tensor:
        """Tell the images of which a number is off by more than a tenth of a deviation."""
        return ((outputs - self._standard(aims)).abs() > _NEAR).any(1)

    def measured(self, outputs: Tensor, aims: Tensor) -> dict[str, float]:
        """Measure the loss alone: no share of numbers is right or wrong."""
        loss = float(self.mean(outputs, aims))
        return {self.name: loss, "loss": loss}

    def _standard(self, aims: Tensor) -> Tensor:
        return (aims - self.centre) / self.scale


class MultiLabelLoss(TargetLoss):
    """Binary cross-entropy of each label's sigmoid, averaged over the labels."""

    name = "binary_cross_entropy"
    guess = Guess(math.log(2), "ln 2")

    def aims(self, images: Pictures) -> Tensor:
        """Give the labels of each image, `(n, k)` of 0 and 1."""
        targets = targets_of(images.set)
        check_binary(images.set)
        return as_tensor(targets).to(images.device)

    def each(self, outputs: Tensor, aims: Tensor) -> Tensor:
        """Average each image's cross-entropies over the labels, in nats."""
        return F.binary_cross_entropy_with_logits(
            outputs, aims.to(outputs.dtype), reduction="none"
        ).mean(1)

    def wrong(self, outputs: Tensor, aims: Tensor) -> Tensor:
        """Tell the labels, `(n, k)`, whose probability is on the other side of a half."""
        return (outputs > 0) != (aims > 0.5)


def build_head_loss(spec: HeadSpec, classifier: Classifier, images: Pictures) -> HeadLoss:
    """Build the loss of a head.

    Args:
        spec: The head.
        classifier: Where a regression's targets are centred and scaled.
        images: What is learned from, for the weights of classes.

    Raises:
        RecipeError: If a class has a weight and is not there.
        DataError: If the images have no labels to weigh.
    """
    outputs = len(output_names(spec, images.set))
    match spec:
        case ClassificationSpec(loss="softmax"):
            weights = class_weights(spec, images)
            return SoftmaxLoss(weights, classes=outputs, smoothing=spec.smoothing)
        case ClassificationSpec():
            return HingeLoss(class_weights(spec, images), classes=outputs)
        case RegressionSpec():
            return RegressionLoss(spec, classifier.target_centre, classifier.target_scale)
        case MultiLabelSpec():
            return MultiLabelLoss()
        case _:
            assert_never(spec)


def class_weights(spec: ClassificationSpec, images: Pictures) -> Tensor | None:
    """Give the weight of each class, `(classes,)`: their mean over the images is 1.

    `balanced` is n / (classes · n_class), of the classes that have images.

    Raises:
        RecipeError: If the recipe weighs a class that the labels do not have.
    """
    if spec.weights is None:
        return None
    names, labels = images.set.classes, labels_of(images)
    counts = torch.bincount(labels, minlength=len(names)).double()
    if spec.weights == "balanced":
        present = int((counts > 0).sum())
        weights = len(labels) / (present * counts.clamp_min(1))
    else:
        unknown = [name for name in spec.weights if name not in names]
        if unknown:
            raise RecipeError(
                f"finetune.head.weights names the class {unknown[0]!r}, which {images.set.name} "
                f"does not have: {', '.join(names)}"
            )
        given = [spec.weights.get(name, 1.0) for name in names]
        weights = torch.tensor(given, dtype=torch.float64, device=counts.device)
        weights = weights * (len(labels) / (weights * counts).sum())
    return weights.float()

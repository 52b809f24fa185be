"""Fine-tuning as a problem for the training loop."""

import torch
from torch import Tensor, nn

from featlearn.autoencoders.objective import LossTerms
from featlearn.config.heads import HeadSpec, RegressionSpec
from featlearn.datasets.augment import Augment
from featlearn.datasets.mixing import mix_up
from featlearn.datasets.tensors import as_tensor
from featlearn.errors import DataError
from featlearn.heads.classifier import Classifier
from featlearn.heads.labels import targets_of
from featlearn.heads.losses import build_head_loss
from featlearn.training.optimizers import Group, weight_groups
from featlearn.training.pictures import Pictures

_AT_ONCE = 256


class FinetuneProblem:
    """The loss of a head on labelled images.

    Where only the head learns and nothing is augmented, features are computed
    once. Under `mixup` the loss of an image of which there is the share s is s times the
    loss with its own label, and 1 - s times that with its partner's.

    Attributes:
        loss: The loss of the head, which others may take too.
        labels: What the images are labelled with: `(n,)` classes, or `(n, k)` targets.
    """

    name = "finetune"
    aside: nn.Module | None = None

    def __init__(
        self,
        classifier: Classifier,
        images: Pictures,
        *,
        spec: HeadSpec,
        stack_lr: float = 1.0,
        decay_by_stage: float = 1.0,
        validation: Pictures | None = None,
        augment: Augment | None = None,
    ) -> None:
        """Take the classifier and its data.

        Args:
            classifier: What is trained.
            images: Labelled images.
            spec: The head, for its loss.
            stack_lr: Multiplies the learning rate of the stages.
            decay_by_stage: Multiplies that of each stage under the last one once more, for every
                stage that it is further down.
            validation: Labelled images that are only measured.
            augment: Applied to every training batch; its `mixup` comes last.

        Raises:
            DataError: If the images have no labels, or all the same.
            RecipeError: If the head weighs a class that is not there.
        """
        self.module = self.classifier = classifier
        self.images = images
        self.loss = build_head_loss(spec, classifier, images)
        self.labels = self.loss.aims(images)
        self.validation = validation
        self.stack_lr = stack_lr
        self.decay_by_stage = decay_by_stage
        self.augment = augment
        self.samples = len(images)
        self.device = images.device
        _check_different(self.labels, images)
        classifier.train()
        self.cache = self._all_features() if classifier.frozen and augment is None else None

    def groups(self) -> list[Group]:
        """Give the head, and the filters and norms of the stages that learn."""
        groups = weight_groups(self.classifier.layers)
        stack = self.classifier.stack
        for place in range(self.classifier.freeze, len(stack)):
            scale = self.stack_lr * self.decay_by_stage ** (len(stack) - 1 - place)
            for part in stack.stage(place).learned:
                groups += weight_groups(part, scale=scale)
        return groups

    def terms(self, rows: Tensor, draw: torch.Generator) -> LossTerms:
        """Compute the loss on the images at `rows`."""
        labels = self.labels[rows.to(self.device)]
        mixing = self.augment.amounts.mixup if self.augment is not None else 0.0
        if mixing:
            return {self.loss.name: self._mixed_loss(rows, labels, mixing, draw)}
        return {self.loss.name: self.loss.mean(self._logits(rows, draw), labels)}

    def after_step(self) -> None:
        """Nothing is constrained."""

    @torch.no_grad()
    def held_out(self) -> dict[str, float] | None:
        """Measure the loss, and the error where there is one, on the validation images."""
        if self.validation is None:
            return None
        outputs = logits_of(self.classifier, self.validation)
        self.classifier.train()
        return self.loss.measured(outputs, self.loss.aims(self.validation))

    def _logits(self, rows: Tensor, draw: torch.Generator) -> Tensor:
        """Run the classifier on a batch, from the cache where there is one."""
        if self.cache is not None:
            return self.classifier.classify(self.cache[rows.to(self.device)])
        return self._answer(self._images(rows, draw), draw)

    def _mixed_loss(
        self, rows: Tensor, labels: Tensor, alpha: float, draw: torch.Generator
    ) -> Tensor:
        """Compute the loss on images mixed with one another."""
        mixed = mix_up(self._images(rows, draw), alpha=alpha, generator=draw)
        outputs = self._answer(mixed.images, draw)
        own, other = (self.loss.each(outputs, aims) for aims in (labels, labels[mixed.partner]))
        return torch.lerp(other, own, mixed.share).mean()

    def _answer(self, images: Tensor, draw: torch.Generator) -> Tensor:
        """Run the classifier on images that are augmented already."""
        del draw
        return self.classifier(images)

    def _images(self, rows: Tensor, draw: torch.Generator) -> Tensor:
        """Take a batch, augmented if it is to be."""
        images = self.images.at(rows)
        return images if self.augment is None else self.augment(images, draw)

    @torch.no_grad()
    def _all_features(self) -> Tensor:
        """Compute the features of every image."""
        return torch.cat([self.classifier.features(x) for x in self.images.batches(_AT_ONCE)])


@torch.no_grad()
def logits_of(classifier: Classifier, images: Pictures) -> Tensor:
    """Compute the outputs for every image, `(n, classes)`, as in use."""
    classifier.eval()
    return torch.cat([classifier(batch) for batch in images.batches(_AT_ONCE)])


@torch.no_grad()
def fit_feature_scaler(classifier: Classifier, sample: Pictures) -> None:
    """Fit the centring and scaling of the features; labels are not looked at."""
    classifier.eval()
    features = (classifier.features(x) for x in sample.batches(_AT_ONCE))
    classifier.scaler.fit(classifier.pooled(x) for x in features)


@torch.no_grad()
def fit_targets(classifier: Classifier, images: Pictures) -> None:
    """Fit the centring and scaling of a regression's targets; other heads have none.

    Raises:
        DataError: If the images have no targets, or one that never varies.
    """
    if not isinstance(classifier.spec, RegressionSpec):
        return
    targets = as_tensor(targets_of(images.set)).double()
    scale = targets.std(0, correction=0)
    still = (targets == targets[0]).all(0).nonzero().flatten().tolist()
    if still:
        raise DataError(
            f"{images.set.name}: target {images.set.target_names[still[0]]!r} is the same for all "
            f"{len(images)} labelled images, so there is nothing to learn"
        )
    classifier.target_centre.copy_(targets.mean(0))
    classifier.target_scale.copy_(scale)


def _check_different(labels: Tensor, images: Pictures) -> None:
    """Refuse images that are all labelled alike."""
    if bool((labels != labels[:1]).any()):
        return
    what = "of one class; a classifier" if labels.ndim == 1 else "labelled alike; a head"
    raise DataError(
        f"{images.set.name}: the {len(images)} labelled images are all {what} needs two or more"
    )

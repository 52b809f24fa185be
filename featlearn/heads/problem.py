"""Fine-tuning as a problem for the training loop."""

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from featlearn.autoencoders.objective import LossTerms
from featlearn.config.training import ClassificationSpec
from featlearn.datasets.augment import Augment
from featlearn.datasets.mixing import mix_up
from featlearn.errors import DataError
from featlearn.heads.classifier import Classifier
from featlearn.training.optimizers import Group, weight_groups
from featlearn.training.pictures import Pictures

_AT_ONCE = 256


class FinetuneProblem:
    """Cross-entropy of a classifier on labelled images.

    Where only the head learns and nothing is augmented, features are computed
    once. Under `mixup` the loss of an image of which there is the share s is s times the
    cross-entropy with its own label, and 1 - s times that with its partner's.
    """

    name = "finetune"

    def __init__(
        self,
        classifier: Classifier,
        images: Pictures,
        *,
        spec: ClassificationSpec,
        stack_lr: float = 1.0,
        decay_by_stage: float = 1.0,
        validation: Pictures | None = None,
        augment: Augment | None = None,
    ) -> None:
        """Take the classifier and its data.

        Args:
            classifier: What is trained.
            images: Labelled images.
            spec: The head, for its label smoothing.
            stack_lr: Multiplies the learning rate of the stages.
            decay_by_stage: Multiplies that of each stage under the last one once more, for every
                stage that it is further down.
            validation: Labelled images that are only measured.
            augment: Applied to every training batch; its `mixup` comes last.

        Raises:
            DataError: If the images have no labels, or all the same.
        """
        self.module = self.classifier = classifier
        self.images = images
        self.labels = labels_of(images)
        self.validation = validation
        self.smoothing = spec.smoothing
        self.stack_lr = stack_lr
        self.decay_by_stage = decay_by_stage
        self.augment = augment
        self.samples = len(images)
        self.device = images.device
        if len(self.labels.unique()) < 2:
            raise DataError(
                f"{images.set.name}: the {len(images)} labelled images are all of one class; "
                "a classifier needs two or more"
            )
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
        """Compute the cross-entropy on the images at `rows`."""
        labels = self.labels[rows.to(self.device)]
        mixing = self.augment.amounts.mixup if self.augment is not None else 0.0
        if mixing:
            return {"cross_entropy": self._mixed_loss(rows, labels, mixing, draw)}
        logits = self._logits(rows, draw)
        loss = F.cross_entropy(logits, labels, label_smoothing=self.smoothing)
        return {"cross_entropy": loss}

    def after_step(self) -> None:
        """Nothing is constrained."""

    @torch.no_grad()
    def held_out(self) -> dict[str, float] | None:
        """Measure cross-entropy and error on the validation images."""
        if self.validation is None:
            return None
        logits = logits_of(self.classifier, self.validation)
        self.classifier.train()
        labels = labels_of(self.validation)
        loss = float(F.cross_entropy(logits, labels))
        error = float((logits.argmax(1) != labels).float().mean())
        return {"cross_entropy": loss, "error": error, "loss": loss}

    def _logits(self, rows: Tensor, draw: torch.Generator) -> Tensor:
        """Run the classifier on a batch, from the cache where there is one."""
        if self.cache is not None:
            return self.classifier.classify(self.cache[rows.to(self.device)])
        return self.classifier(self._images(rows, draw))

    def _mixed_loss(
        self, rows: Tensor, labels: Tensor, alpha: float, draw: torch.Generator
    ) -> Tensor:
        """Compute the cross-entropy on images mixed with one another."""
        mixed = mix_up(self._images(rows, draw), alpha=alpha, generator=draw)
        losses = partial(
            F.cross_entropy,
            self.classifier(mixed.images),
            label_smoothing=self.smoothing,
            reduction="none",
        )
        return torch.lerp(losses(labels[mixed.partner]), losses(labels), mixed.share).mean()

    def _images(self, rows: Tensor, draw: torch.Generator) -> Tensor:
        """Take a batch, augmented if it is to be."""
        images = self.images.at(rows)
        return images if self.augment is None else self.augment(images, draw)

    @torch.no_grad()
    def _all_features(self) -> Tensor:
        """Compute the features of every image."""
        return torch.cat([self.classifier.features(x) for x in self.images.batches(_AT_ONCE)])


def labels_of(images: Pictures) -> Tensor:
    """Give the labels of a set, `(n,)`, on its device.

    Raises:
        DataError: If it has none.
    """
    if images.set.labels is None:
        raise DataError(f"{images.set.name} has no labels, and a classifier needs them")
    return torch.tensor(images.set.labels, device=images.device)


@torch.no_grad()
def logits_of(classifier: Classifier, images: Pictures) -> Tensor:
    """Compute the logits of every image, `(n, classes)`, as in use."""
    classifier.eval()
    return torch.cat([classifier(batch) for batch in images.batches(_AT_ONCE)])


@torch.no_grad()
def fit_feature_scaler(classifier: Classifier, sample: Pictures) -> None:
    """Fit the centring and scaling of the features; labels are not looked at."""
    classifier.eval()
    classifier.scaler.fit(classifier.features(x) for x in sample.batches(_AT_ONCE))

"""Learning a head over several modalities."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from featlearn.autoencoders.objective import LossTerms
from featlearn.config.modalities import FusionTrainingSpec
from featlearn.datasets.imageset import Indices
from featlearn.errors import DataError
from featlearn.heads.fusion import FusionClassifier
from featlearn.training.described import Described
from featlearn.training.optimizers import Group, weight_groups

_AT_ONCE = 512


class FusionProblem:
    """Cross-entropy of all modalities together, and of each by itself.

    The second is over samples of that modality alone, drawn anew in each step from all that have
    a label, with a partner or without.
    """

    name = "finetune"
    aside: nn.Module | None = None

    def __init__(
        self,
        classifier: FusionClassifier,
        spec: FusionTrainingSpec,
        samples: Sequence[Described],
        *,
        labels: Sequence[Indices],
        pairs: Indices,
    ) -> None:
        """Take the classifier and its data.

        Args:
            classifier: What is trained.
            spec: The weights of the terms.
            samples: Of each modality, those that have a label.
            labels: Their classes, numbered alike in all modalities.
            pairs: `(pairs, modalities)`: which belong together; their classes are equal.

        Raises:
            DataError: If there is no pair, or all are of one class.
        """
        self.module = self.classifier = classifier
        self.spec, self.described = spec, samples
        self.device = samples[0].samples.device
        self.labels = [torch.tensor(each, device=self.device) for each in labels]
        self.pairs = torch.from_numpy(pairs)
        self.samples = len(pairs)
        if len({*labels[0][pairs[:, 0]].tolist()}) < 2:
            raise DataError(
                f"the {len(pairs)} labelled pairs are of one class or none; a classifier needs two"
            )
        classifier.train()

    def groups(self) -> list[Group]:
        """Give the head, and the nets to the shared code if they learn."""
        groups = weight_groups(self.classifier.head)
        if self.spec.encoder_lr:
            encoders = self.classifier.net.shared.encoders
            groups += weight_groups(encoders, scale=self.spec.encoder_lr)
        return groups

    def after_step(self) -> None:
        """Nothing is constrained."""

    def held_out(self) -> dict[str, float] | None:
        """Nothing is held out."""
        return None

    def terms(self, rows: Tensor, draw: torch.Generator) -> LossTerms:
        """Compute the cross-entropies of the pairs at `rows`, and of samples drawn beside."""
        chosen = self.pairs[rows]
        scaled = {
            place: each.at(chosen[:, place], draw) for place, each in enumerate(self.described)
        }
        labels = self.labels[0][chosen[:, 0].to(self.device)]
        terms = {"together": self._loss(scaled, labels)}
        for place, each in enumerate(self.described) if self.spec.alone else ():
            own = torch.randint(len(each), (len(rows),), generator=draw, device=draw.device)
            loss = self._loss({place: each.at(own, draw)}, self.labels[place][own])
            terms[f"alone_{self.classifier.net.names[place]}"] = self.spec.alone * loss
        return terms

    def _loss(self, scaled: dict[int, Tensor], labels: Tensor) -> Tensor:
        """Compute the cross-entropy of what is there."""
        logits = self.classifier.classify(scaled)
        return F.cross_entropy(logits, labels, label_smoothing=self.spec.head.smoothing)


@torch.no_grad()
def fused_logits(
    classifier: FusionClassifier, scaled: Sequence[Tensor], rows: Indices, places: Sequence[int]
) -> Tensor:
    """Compute the logits of samples from some of their modalities, `(n, classes)`.

    Args:
        classifier: As in use.
        scaled: The stacks' scaled outputs of all samples, by modality.
        rows: `(n, modalities)` places in these.
        places: The modalities that are there.
    """
    classifier.eval()
    found: list[Tensor] = []
    for chosen in torch.from_numpy(rows).split(_AT_ONCE):
        there = {place: scaled[place][chosen[:, place]] for place in places}
        found.append(classifier.classify(there))
    return torch.cat(found)

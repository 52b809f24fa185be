"""Ways that give unlabelled images the labels that seem clear."""

from typing import ClassVar, final

import torch
from torch import Tensor

from featlearn.autoencoders.objective import LossTerms
from featlearn.config.semi import FixMatchSpec, PseudoLabelSpec
from featlearn.datasets.augment import build_augment
from featlearn.heads.semi.way import Given, Way
from featlearn.ops.consistency import aligned, chosen_cross_entropy


@final
class PseudoLabel(Way):
    """The network's own choice is the label, in the very pass that learns it.

    Source:
        Lee, ICML workshop on challenges in representation learning, 2013.
    """

    def __init__(self, spec: PseudoLabelSpec) -> None:
        """Keep the threshold."""
        super().__init__()
        self.threshold = spec.threshold

    def terms(self, images: Tensor, given: Given) -> LossTerms:
        """Compute the cross-entropy with the likeliest classes."""
        logits = given.classifier(given.change(images, given.draw)).float()
        loss = chosen_cross_entropy(logits, logits.softmax(1), threshold=self.threshold)
        return {"pseudo_label": loss}


@final
class FixMatch(Way):
    """What is clear of an image as it is, is the label of the image much changed.

    Attributes:
        mean: `(classes,)`, running mean of the teacher's answers.
        share: `(classes,)`, how much of each class the labelled images have.

    Source:
        Sohn et al., NeurIPS 2020, with the teacher of Tarvainen & Valpola, NIPS 2017, and
        the alignment of Berthelot et al., ICLR 2020.
    """

    mean: Tensor
    share: Tensor
    averages: ClassVar[bool] = True

    def __init__(self, spec: FixMatchSpec, *, share: Tensor) -> None:
        """Take the labelled images' share of each class."""
        super().__init__()
        self.threshold = spec.threshold
        self.keep = spec.align
        self.weak = build_augment(spec.weak) if spec.weak else None
        self.register_buffer("share", share)
        self.register_buffer("mean", share.clone())

    def terms(self, images: Tensor, given: Given) -> LossTerms:
        """Compute the cross-entropy with the teacher's clear answers."""
        seen = images if self.weak is None else self.weak(images, given.draw)
        taught = self._aligned(given.teacher(seen).float().softmax(1))
        logits = given.classifier(given.change(images, given.draw)).float()
        loss = chosen_cross_entropy(logits, taught, threshold=self.threshold)
        return {"pseudo_label": loss}

    @torch.no_grad()
    def _aligned(self, probabilities: Tensor) -> Tensor:
        """Align the classes, if that is asked for, after the running mean took them in."""
        if self.keep is None:
            return probabilities
        self.mean.lerp_(probabilities.mean(0), 1 - self.keep)
        return aligned(probabilities, mean=self.mean, share=self.share)

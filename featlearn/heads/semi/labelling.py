"""Ways that give unlabelled images the labels that seem clear."""

from typing import ClassVar, final

import torch
from torch import Tensor

from featlearn.autoencoders.objective import LossTerms
from featlearn.config.semi import FixMatchSpec, PseudoLabelSpec
from featlearn.datasets.augment import build_augment
from featlearn.heads.semi.way import Given, Way
from featlearn.ops.consistency import aligned, chosen_cross_entropy, pooled_opinions


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
        spread: `(n, classes)`, what labels say of each unlabelled image that spread over a graph;
            without rows if that is not asked for.

    Source:
        Sohn et al., NeurIPS 2020, with the teacher of Tarvainen & Valpola, NIPS 2017, and
        the alignment of Berthelot et al., ICLR 2020. A second view of the images that teaches
        too: Blum & Mitchell, COLT 1998.
    """

    mean: Tensor
    share: Tensor
    spread: Tensor
    averages: ClassVar[bool] = True

    def __init__(self, spec: FixMatchSpec, *, share: Tensor, spread: Tensor | None = None) -> None:
        """Take the labelled images' share of each class, and what spread from them."""
        super().__init__()
        self.threshold = spec.threshold
        self.keep = spec.align
        self.weak = build_augment(spec.weak) if spec.weak else None
        self.register_buffer("share", share)
        self.register_buffer("mean", share.clone())
        self.second = spec.spread
        self.register_buffer("spread", share.new_empty(0, len(share)) if spread is None else spread)

    def terms(self, images: Tensor, given: Given) -> LossTerms:
        """Compute the cross-entropy with the teacher's clear answers."""
        seen = images if self.weak is None else self.weak(images, given.draw)
        taught = self._aligned(given.teacher(seen).float().softmax(1))
        if self.second is not None:
            assert given.rows is not None, "what spread is known by row"
            said = self.spread[given.rows.to(self.spread.device)]
            taught = pooled_opinions(taught, said, weight=self.second.weight)
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

"""(a) Fusion where both modalities are noisy, and (b) what it costs if one of them is missing."""

import copy

import msgspec
import numpy as np
import torch

from featlearn.config.modalities import (
    EarlyFusionSpec,
    FusionHeadSpec,
    GatedFusionSpec,
    LateFusionSpec,
    SharedFusionSpec,
)
from featlearn.heads.fusion import FusionClassifier
from featlearn.heads.fusion_problem import FusionProblem, fused_logits
from featlearn.studies.digits_av.hearing import seed_of
from featlearn.studies.digits_av.material import IMAGE, SOUND, Material
from featlearn.studies.digits_av.noise import Noisy, labels_of
from featlearn.training.loop import Loop
from featlearn.training.progress import Progress
from featlearn.training.unrecorded import Unrecorded

HEADS: dict[str, FusionHeadSpec] = {
    "late": LateFusionSpec(),
    "early": EarlyFusionSpec(hidden=(128,)),
    "gated": GatedFusionSpec(),
    "shared": SharedFusionSpec(),
}
"""The heads that are compared."""

ALONE: dict[str, int] = {"image alone": IMAGE, "sound alone": SOUND}
"""The nets of one modality that they are compared with."""


def constants() -> dict[str, object]:
    """Name what decides the figures on noisy pairs beside recipe and noise, as nested tables."""
    return {"heads": {name: msgspec.to_builtins(head) for name, head in HEADS.items()}}


class NoisyNet(msgspec.Struct, frozen=True):
    """What a net named wrong of the noisy test pairs.

    Attributes:
        validation: Its error on validation pairs, by what is there: `both`, `image`, `sound`.
        wrong: By what is there, the places of the test pairs that it named wrong.
    """

    validation: dict[str, float]
    wrong: dict[str, list[int]]


def learn_noisy(
    material: Material,
    splits: dict[str, Noisy],
    head: FusionHeadSpec,
    *,
    only: int | None,
    draw: int,
    progress: Progress,
) -> NoisyNet:
    """Train a net on noisy pairs, and judge it with both modalities and with one missing.

    Args:
        material: The net to begin with, which is not changed.
        splits: Noisy samples.
        head: How it fuses.
        only: The one modality that it learns from, or both.
        draw: Which training, by its own seed of weights, order and noise.
        progress: Told of every step.
    """
    seed = seed_of(material, draw)
    net = copy.deepcopy(material.net)
    train = splits["train"]
    classes = len(train.sets[IMAGE].classes)
    classifier = FusionClassifier(net, head, classes=classes, seed=seed).to(material.device)
    spec = msgspec.structs.replace(material.recipe.finetune, head=head)
    labels = [labels_of(each) for each in train.sets]
    kind = FusionProblem if only is None else _Single
    problem = kind(classifier, spec, train.described, labels=labels, pairs=train.pairs)
    if isinstance(problem, _Single):
        problem.only = only or 0
    loop = Loop(problem, spec, epochs=spec.epochs, seed=seed)
    Unrecorded(progress).run(loop, classifier)
    there = {"both": (IMAGE, SOUND), "image": (IMAGE,), "sound": (SOUND,)}
    if only is not None:
        name = ("image", "sound")[only]
        there = {name: there[name]}
    judged = {split: _wrong(classifier, splits[split], there) for split in ("kept", "test")}
    count = len(splits["kept"].pairs)
    validation = {way: len(places) / count for way, places in judged["kept"].items()}
    return NoisyNet(validation, judged["test"])


class _Single(FusionProblem):
    """The cross-entropy of one modality by itself, over as many samples as both see."""

    only = 0

    def terms(self, rows: torch.Tensor, draw: torch.Generator) -> dict[str, torch.Tensor]:
        """Compute it on samples of the pairs, and, as fusion does, on samples drawn beside."""
        place, each = self.only, self.described[self.only]
        chosen = self.pairs[rows][:, place]
        own = torch.randint(len(each), (len(rows),), generator=draw, device=draw.device)
        losses = [
            self._loss({place: each.at(some, draw)}, self.labels[place][some])
            for some in (chosen, own)
        ]
        return {"paired": losses[0], "alone": self.spec.alone * losses[1]}


def _wrong(
    classifier: FusionClassifier, noisy: Noisy, there: dict[str, tuple[int, ...]]
) -> dict[str, list[int]]:
    """List the pairs that a net names wrong, by what is there."""
    scaled = [each.everything for each in noisy.described]
    truth = labels_of(noisy.sets[IMAGE])[noisy.pairs[:, IMAGE]]
    found: dict[str, list[int]] = {}
    for way, places in there.items():
        logits = fused_logits(classifier, scaled, noisy.pairs, places)
        found[way] = np.flatnonzero(logits.argmax(1).cpu().numpy() != truth).tolist()
    return found

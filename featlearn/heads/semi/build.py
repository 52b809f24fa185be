"""From a spec to a way of learning from unlabelled images."""

from typing import assert_never

import torch

from featlearn.autoencoders.build import build_objectives
from featlearn.autoencoders.objective import Moving, begin_all
from featlearn.config.semi import (
    FixMatchSpec,
    GammaSpec,
    LadderSpec,
    MeanTeacherSpec,
    PiSpec,
    PropagationSpec,
    PseudoLabelSpec,
    ReconstructionSpec,
    SemiSpec,
    VATSpec,
    WhatWhereSpec,
)
from featlearn.errors import RecipeError
from featlearn.heads.classifier import Classifier
from featlearn.heads.labels import labels_of
from featlearn.heads.semi.agreeing import Adversarial, MeanTeacher, Pi
from featlearn.heads.semi.labelling import FixMatch, PseudoLabel
from featlearn.heads.semi.ladder import Ladder
from featlearn.heads.semi.rebuilding import Rebuilding
from featlearn.heads.semi.spreading import Propagation, spread_over
from featlearn.heads.semi.way import Way
from featlearn.heads.semi.what_where import WhatWhere
from featlearn.training.pictures import Pictures


def build_way(
    spec: SemiSpec,
    classifier: Classifier,
    labelled: Pictures,
    unlabelled: Pictures,
    *,
    seed: int,
) -> Way:
    """Build the way that a recipe names.

    Args:
        spec: What it says.
        classifier: What is to learn.
        labelled: Images with labels.
        unlabelled: Those without.
        seed: Seed of what is drawn for it.

    Raises:
        DataError: If there are too few images.
        RecipeError: If the way cannot learn anything from this classifier.
    """
    match spec:
        case PseudoLabelSpec():
            return PseudoLabel(spec)
        case PiSpec():
            return Pi()
        case MeanTeacherSpec():
            return MeanTeacher()
        case VATSpec():
            return Adversarial(spec)
        case FixMatchSpec():
            return _build_fixmatch(spec, classifier, labelled, unlabelled)
        case PropagationSpec():
            return Propagation(spec, classifier, labelled, unlabelled)
        case _:
            return _build_downward(spec, classifier, seed=seed)


def _build_fixmatch(
    spec: FixMatchSpec, classifier: Classifier, labelled: Pictures, unlabelled: Pictures
) -> FixMatch:
    """Count the labelled images of each class, and let their labels spread if asked."""
    counts = torch.bincount(labels_of(labelled).cpu(), minlength=classifier.classes)
    spread = None
    if spec.spread is not None:
        found = spread_over(spec.spread, classifier, labelled, unlabelled)
        spread = torch.from_numpy(found).float()
    return FixMatch(spec, share=counts.float() / len(labelled), spread=spread)


def _build_downward(
    spec: ReconstructionSpec | WhatWhereSpec | LadderSpec | GammaSpec,
    classifier: Classifier,
    *,
    seed: int,
) -> Way:
    """Build a way that rebuilds what is below."""
    match spec:
        case ReconstructionSpec():
            return _build_rebuilding(classifier, seed=seed)
        case WhatWhereSpec():
            return WhatWhere(spec, classifier)
        case LadderSpec():
            return Ladder(classifier, noise=spec.noise, costs=spec.costs, seed=seed)
        case GammaSpec():
            layers = len(classifier.stack) - classifier.freeze + 1
            costs = [0.0] * layers + [1.0]
            return Ladder(classifier, noise=spec.noise, costs=costs, seed=seed)
        case _:
            assert_never(spec)


def _build_rebuilding(classifier: Classifier, *, seed: int) -> Rebuilding:
    """Take the objectives of the stages that learn."""
    specs = [classifier.stack.stage(place).spec for place in range(len(classifier.stack))]
    objectives = {
        place: objective
        for place, objective in build_objectives(specs).items()
        if place >= classifier.freeze
    }
    if not objectives:
        raise RecipeError(
            "finetune.semi.kind 'reconstruction' rebuilds what stages rebuild in pre-training, but "
            "no stage that learns here has an objective: give one, or lower finetune.freeze"
        )
    for place, objective in objectives.items():
        if isinstance(objective, Moving):
            raise RecipeError(
                f"stage {classifier.stack.stage(place).name!r}: its objective moves the weights by "
                "itself, and labels would move them too: take an objective that gives gradients, "
                "or raise finetune.freeze"
            )
    return Rebuilding(objectives, begin_all(objectives, classifier.stack.stage, seed=seed))

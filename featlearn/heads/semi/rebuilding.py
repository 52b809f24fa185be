"""The way of going on with what the stages learned by: rebuilding their inputs."""

from collections.abc import Mapping
from typing import final

import torch
from torch import Tensor, nn

from featlearn.autoencoders.objective import LossTerms, Objective, check_terms
from featlearn.heads.classifier import Classifier
from featlearn.heads.semi.way import Given, Way
from featlearn.training.optimizers import Group, weight_groups
from featlearn.training.problems import learning_input


@final
class Rebuilding(Way):
    """Every stage that learns goes on rebuilding its input, while lower ones follow.

    Targets are the outputs below as they stand, without gradients; codes have theirs through
    all stages that learn.

    Source:
        Ranzato & Szummer, ICML 2008, equation 2, with the objective of each stage.
    """

    def __init__(self, objectives: Mapping[int, Objective], memory: nn.Module) -> None:
        """Take the objective of every stage that has one, by its place, and what they keep."""
        super().__init__()
        self.objectives = dict(objectives)
        self.memory = memory

    def groups(self, classifier: Classifier) -> list[Group]:
        """Give the decoders; scales and filters are the classifier's."""
        stages = (classifier.stack.stage(place) for place in self._learning(classifier))
        return [
            group
            for stage in stages
            if stage.decoder is not None
            for group in weight_groups(stage.decoder)
        ]

    def after_step(self, classifier: Classifier) -> None:
        """Let every objective restore its constraints."""
        for place in self._learning(classifier):
            self.objectives[place].after_step(classifier.stack.stage(place))

    def terms(self, images: Tensor, given: Given) -> LossTerms:
        """Compute every stage's own terms, named `stage.term`."""
        classifier, stack = given.classifier, given.classifier.stack
        learning = self._learning(classifier)
        with torch.no_grad():
            maps = stack.maps_below(given.change(images, given.draw), classifier.freeze)
        terms: LossTerms = {}
        for place in range(classifier.freeze, max(learning) + 1):
            stage = stack.stage(place)
            if place in learning:
                x = stage.scaler(learning_input(stage, maps, given.draw))
                own = self.objectives[place].terms(
                    stage, x, target=x.detach(), generator=given.draw
                )
                named = check_terms(own, stage=stage.name)
                terms |= {f"{stage.name}.{name}": term for name, term in named.items()}
            maps = stage(maps).output
        return terms

    def _learning(self, classifier: Classifier) -> list[int]:
        """List the places of the stages that learn and have an objective."""
        return [place for place in sorted(self.objectives) if place >= classifier.freeze]

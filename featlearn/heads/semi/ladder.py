"""The ladder network: every layer is denoised by the layer above."""

from collections.abc import Sequence
from typing import ClassVar, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from featlearn.autoencoders.objective import LossTerms
from featlearn.errors import RecipeError
from featlearn.geometry import MapShape
from featlearn.heads.classifier import Classifier
from featlearn.heads.semi.noisy import Layers, listening, per_map
from featlearn.heads.semi.way import Given, Way, statistics_held
from featlearn.ops.ladder import NUMBERS, batch_normalised, combine
from featlearn.ops.random import generator
from featlearn.stages.filter import Filter
from featlearn.training.optimizers import Group


@final
class Ladder(Way):
    """Labels are learned under noise; without labels each layer is rebuilt from its noisy self.

    Layer 0 is what the lowest stage that learns is given, layer k the responses of the k-th
    stage (after `filter.norm`, before the activation), and the last layer the logits. All are
    normalised over the batch, by themselves where a filter has untied weights. Pooling is
    undone by repeating each value over its window. The answer to a labelled image is the noisy
    one; in use there is no noise.

    Source:
        Rasmus, Berglund, Honkala, Valpola and Raiko, NIPS 2015, algorithm 1. Where a stage has
        no `filter.norm`, only its noise and its cost are in normalised units.
    """

    disturbs: ClassVar[bool] = True

    def __init__(
        self, classifier: Classifier, *, noise: float, costs: Sequence[float], seed: int
    ) -> None:
        """Draw what rebuilds each layer from the one above.

        Args:
            classifier: What is to learn.
            noise: Deviation of the noise.
            costs: Weight of each layer, from the bottom; the last counts for all above.
            seed: Seed of the weights.

        Raises:
            RecipeError: If no stage learns, or one that does is no single bank of filters.
        """
        super().__init__()
        filters = _filters(classifier)
        outputs = [filters[0].input_shape] if filters else [classifier.stack.output_shape]
        outputs += [one.output_shape for one in filters]
        outputs.append(MapShape(classifier.classes, 1, 1))
        self.noise = noise
        self.costs = [costs[min(k, len(costs) - 1)] for k in range(len(outputs))]
        lowest = next(k for k, cost in enumerate(self.costs) if cost)
        if not filters and lowest < len(outputs) - 1:
            raise RecipeError(
                "finetune.semi.kind 'ladder' denoises the responses of stages that learn, and "
                f"finetune.freeze keeps all {classifier.freeze}: lower it, or take 'ladder-gamma'"
            )
        shared = [bool(filters) and filters[0].shared, *per_map(classifier)]
        self.down = nn.ParameterDict()
        self.numbers = nn.ParameterDict()
        for k in range(lowest, len(outputs)):
            self.numbers[str(k)] = nn.Parameter(_start(outputs[k], per_map=shared[k]))
            if k > lowest:
                self.down[str(k)] = nn.Parameter(self._weights(filters, k, classifier, seed))
        self.lowest, self.shared = lowest, shared

    def groups(self, classifier: Classifier) -> list[Group]:
        """Give what leads down, which decays as weights do, and the combinators' numbers."""
        del classifier
        down: list[Tensor] = list(self.down.values())
        numbers: Group = {"params": list(self.numbers.values()), "scale": 1.0, "weight_decay": 0.0}
        return [{"params": down, "scale": 1.0}, numbers] if down else [numbers]

    def answer(self, images: Tensor, given: Given) -> Tensor:
        """Give the noisy logits of labelled images."""
        if given.alone:
            with torch.no_grad():  # the statistics in use are of clean passes; none else comes
                given.classifier(images)
        with (
            statistics_held(given.classifier),
            listening(given.classifier, noise=self.noise, draw=given.draw),
        ):
            return given.classifier(images)

    def terms(self, images: Tensor, given: Given) -> LossTerms:
        """Compute what every layer's rebuilding costs, named by the layer."""
        classifier = given.classifier
        images = given.change(images, given.draw)
        with listening(classifier) as clean:
            classifier(images)
        with (
            statistics_held(classifier),
            listening(classifier, noise=self.noise, draw=given.draw) as noisy,
        ):
            logits = classifier(images)
        above = logits.float().softmax(1)[:, :, None, None]
        terms: LossTerms = {}
        for k in range(len(self.costs) - 1, self.lowest - 1, -1):
            if k < len(self.costs) - 1:
                above = self._down(classifier, k + 1, above)
            above = self._rebuilt(k, above, noisy)
            if self.costs[k]:
                cost = self._cost(k, above, clean=clean, noisy=noisy)
                terms[_name(classifier, k)] = self.costs[k] * cost
        return terms

    def _rebuilt(self, k: int, above: Tensor, noisy: Layers) -> Tensor:
        """Rebuild a layer from its noisy response and what was said of it from above."""
        u = batch_normalised(above, per_map=self.shared[k]).z
        z = noisy.images[0].float() if k == 0 else noisy.responses[k - 1].z
        return combine(z, u, self.numbers[str(k)])

    def _cost(self, k: int, rebuilt: Tensor, *, clean: Layers, noisy: Layers) -> Tensor:
        """Compare a rebuilt layer with the clean one: mean square over units and images.

        It was rebuilt in units of the noisy pass, and is normalised by those of the clean one.
        """
        if k == 0:
            return F.mse_loss(rebuilt, clean.images[0].float())
        target, own = clean.responses[k - 1], noisy.responses[k - 1]
        response = rebuilt * own.deviation + own.mean
        return F.mse_loss((response - target.mean) / target.deviation, target.z)

    def _down(self, classifier: Classifier, k: int, rebuilt: Tensor) -> Tensor:
        """Take a rebuilt layer down to the shape of the layer below."""
        weight = self.down[str(k)]
        place = classifier.freeze + k - 1
        if place == len(classifier.stack):
            below = F.linear(rebuilt.flatten(1), weight)
            below = below.view(len(rebuilt), *classifier.stack.output_shape)
        else:
            below = classifier.stack.stage(place).filter.adjoint(rebuilt, weight=weight)
        if k == 1:
            return below
        code = classifier.stack.stage(place - 1).code_shape
        return F.interpolate(below, size=(code.height, code.width))

    @staticmethod
    def _weights(filters: Sequence[Filter], k: int, classifier: Classifier, seed: int) -> Tensor:
        """Give the first weights that lead from layer k to the one below."""
        if k <= len(filters):
            return filters[k - 1].weight.detach().clone()
        shape = (classifier.stack.output_shape.units, classifier.classes)
        return torch.randn(shape, generator=generator(seed, "ladder")) / classifier.classes**0.5


def _filters(classifier: Classifier) -> list[Filter]:
    """Give the banks of filters of the stages that learn."""
    filters: list[Filter] = []
    for place in range(classifier.freeze, len(classifier.stack)):
        stage = classifier.stack.stage(place)
        if stage.composite:
            raise RecipeError(
                f"stage {stage.name!r}: a ladder denoises the responses of one bank of filters, "
                "and this stage is made of many layers: choose another `finetune.semi.kind`"
            )
        assert isinstance(stage.filter, Filter)
        filters.append(stage.filter)
    return filters


def _start(shape: MapShape, *, per_map: bool) -> Tensor:
    """Give each unit the numbers under which ẑ is z̃: m(u) = 0 and v(u) = 1.

    A sigmoid of slope 1 stands ready in both.
    """
    units = (shape.maps, 1, 1) if per_map else (shape.maps, shape.height, shape.width)
    numbers = torch.zeros(NUMBERS, *units)
    numbers[1] = numbers[6] = 1.0
    numbers[9] = 1.0
    return numbers


def _name(classifier: Classifier, k: int) -> str:
    """Name a layer's term."""
    place = classifier.freeze + k - 1
    if k == 0:
        return "images"
    return "answer" if place == len(classifier.stack) else classifier.stack.stage(place).name

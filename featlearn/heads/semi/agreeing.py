"""Ways that ask for the same answer to an image however it is changed."""

from functools import partial
from typing import ClassVar, final

from torch import Tensor

from featlearn.autoencoders.objective import LossTerms
from featlearn.config.semi import VATSpec
from featlearn.heads.classifier import Classifier
from featlearn.heads.semi.way import Given, Way, statistics_held
from featlearn.ops.consistency import divergence, entropy, squared_difference, worst_direction


def _answer(classifier: Classifier, images: Tensor) -> Tensor:
    """Answer so that gradients reach the images, whatever is frozen."""
    return classifier.classify(classifier.features(images, to_images=True))


@final
class Pi(Way):
    """Two changes of an image, each through a dropout of its own, are to be answered alike.

    Source:
        Laine & Aila, ICLR 2017, algorithm 1.
    """

    def terms(self, images: Tensor, given: Given) -> LossTerms:
        """Compute the squared difference of the two answers; both learn."""
        first = given.classifier(given.change(images, given.draw)).float()
        with statistics_held(given.classifier):
            second = given.classifier(given.change(images, given.draw)).float()
        return {"consistency": squared_difference(first, second)}


@final
class MeanTeacher(Way):
    """The average of the network's weights teaches the network.

    Source:
        Tarvainen & Valpola, NIPS 2017, section 2.
    """

    averages: ClassVar[bool] = True

    def terms(self, images: Tensor, given: Given) -> LossTerms:
        """Compute the squared difference to the teacher's answer to another change."""
        taught = given.teacher(given.change(images, given.draw)).float()
        learned = given.classifier(given.change(images, given.draw)).float()
        return {"consistency": squared_difference(learned, taught)}


@final
class Adversarial(Way):
    """The answer is to stay where the image moves in the direction that changes it most.

    Source:
        Miyato, Maeda, Koyama and Ishii, PAMI 2018, equations 6 to 9 and 17.
    """

    def __init__(self, spec: VATSpec) -> None:
        """Keep distances and number of iterations."""
        super().__init__()
        self.spec = spec

    def terms(self, images: Tensor, given: Given) -> LossTerms:
        """Compute the divergence at the distance of `radius`, and the entropy if asked for."""
        spec = self.spec
        images = given.change(images, given.draw)
        logits = given.classifier(images).float()
        with statistics_held(given.classifier):
            direction = worst_direction(
                partial(_answer, given.classifier),
                images,
                logits,
                probe=spec.probe,
                iterations=spec.iterations,
                generator=given.draw,
            )
            moved = given.classifier(images + spec.radius * direction).float()
        terms = {"adversarial": divergence(logits.detach(), moved)}
        return {**terms, "entropy": entropy(logits)} if spec.entropy else terms

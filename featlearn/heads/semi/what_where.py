"""The way of rebuilding the image from what the whole stack made of it, and where."""

from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from featlearn.autoencoders.objective import LossTerms
from featlearn.config.semi import WhatWhereSpec
from featlearn.errors import RecipeError
from featlearn.heads.classifier import Classifier
from featlearn.heads.semi.way import Given, Way
from featlearn.stages.decoder import Decoder
from featlearn.stages.filter import Filter
from featlearn.stages.stage import Stage, StageOutput
from featlearn.stages.undoing import undo_norm, unpool


@final
class WhatWhere(Way):
    """The image is rebuilt from the last stage's output, through all stages that learn.

    Going down, each stage's pooling is undone by *where* the image's own values came from, its
    normalisation by the image's own divisors; *what* goes down is only what was rebuilt above.
    Each stage has a linear decoder of its own, which starts as the transpose of its filter. What
    is rebuilt between two stages is compared with what the upper one is given.

    Source:
        Zhao, Mathieu, Goroshin and LeCun, ICLR workshop 2016, equation 1; with linear decoders,
        and with h / pooled in the place of a switch where pooling is L2.
    """

    def __init__(self, spec: WhatWhereSpec, classifier: Classifier) -> None:
        """Start the decoders.

        Args:
            spec: How much what is between the stages weighs.
            classifier: What is to learn.

        Raises:
            RecipeError: If no stage learns, or one that does is no single bank of filters.
        """
        super().__init__()
        stages = _learning(classifier)
        if not stages:
            raise RecipeError(
                "finetune.semi.kind 'what-where' rebuilds through stages that learn, and "
                f"finetune.freeze keeps all {classifier.freeze}: lower it"
            )
        self.between = spec.between
        self.decoders = nn.ModuleList(_decoder(stage) for stage in stages)

    def terms(self, images: Tensor, given: Given) -> LossTerms:
        """Compute how far what is rebuilt is from what the lowest stage is given, and between.

        Both are squared errors, summed over the numbers of an image and averaged over images.
        """
        classifier = given.classifier
        with torch.no_grad():
            maps = classifier.stack.maps_below(given.change(images, given.draw), classifier.freeze)
        inputs: list[Tensor] = []
        outputs: list[StageOutput] = []
        stages = _learning(classifier)
        for stage in stages:
            inputs.append(stage.scaler(maps))
            outputs.append(stage.respond(inputs[-1]))
            maps = outputs[-1].output
        errors = self._errors(stages, inputs, outputs)
        terms = {"images": errors[0]}
        if len(errors) > 1 and self.between:
            terms["between"] = self.between * torch.stack(errors[1:]).sum()
        return terms

    def _errors(
        self, stages: list[Stage], inputs: list[Tensor], outputs: list[StageOutput]
    ) -> list[Tensor]:
        """Go down from the last output, and compare with each stage's input, bottom first."""
        errors: list[Tensor] = []
        down = outputs[-1].code if outputs[-1].pooled is None else outputs[-1].pooled
        assert down is not None
        for place in reversed(range(len(stages))):
            stage, output = stages[place], outputs[place]
            if place < len(stages) - 1:
                down = stages[place + 1].scaler.invert(down)
                down = undo_norm(stage, output, down)
            if stage.pool is not None:
                down = unpool(stage, stage.pool, output.code, down)
            decoder = self.decoders[place]
            assert isinstance(decoder, Decoder)
            assert isinstance(stage.filter, Filter)
            down = decoder(down, stage.filter)
            target = inputs[place].detach()
            errors.append(F.mse_loss(down.float(), target.float()) * target[0].numel())
        return errors[::-1]


def _learning(classifier: Classifier) -> list[Stage]:
    """Give the stages that learn, bottom first."""
    stack = classifier.stack
    return [stack.stage(place) for place in range(classifier.freeze, len(stack))]


def _decoder(stage: Stage) -> Decoder:
    """Make the decoder of a stage."""
    if stage.composite:
        raise RecipeError(
            f"stage {stage.name!r}: what-where goes down through one bank of filters, and this "
            "stage is made of many layers: choose another `finetune.semi.kind`"
        )
    assert isinstance(stage.filter, Filter)
    return Decoder(stage.filter, tied=False)

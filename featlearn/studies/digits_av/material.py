"""What every part of the study works on: samples, labels, and what the stacks make of them."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from featlearn.config.modalities import MultimodalRecipe
from featlearn.datasets.imageset import ImageSet, Indices
from featlearn.evaluate.transfer import principal
from featlearn.networks.multimodal import MultimodalNet
from featlearn.networks.multimodal_store import load_multimodal
from featlearn.training.described import Described
from featlearn.training.pictures import Pictures
from featlearn.workflows.multimodal.samples import divided, open_modalities, train_sets

IMAGE, SOUND = 0, 1
"""Places of the modalities in the recipe."""

COMPONENTS = 100
"""Principal components that the plain methods are given."""

_FITTED = 10_000  # samples that principal components are fitted on

Numbers = NDArray[np.floating]


def constants() -> dict[str, object]:
    """Name what decides the principal components beside the recipe, as a table."""
    return {"components": COMPONENTS, "fitted": _FITTED}


class Material:
    """The samples of a run, and its stacks' outputs for them.

    Attributes:
        recipe: How the run was trained.
        net: Its network; the stacks are not changed.
        learned: Training samples of each modality, without those that are held out.
        kept: Those.
        judged: Test samples.
        trained: Whether the network's shared code has learned from all pairs.
        device: Where it computes.
    """

    def __init__(
        self,
        net: MultimodalNet,
        recipe: MultimodalRecipe,
        *,
        learned: Sequence[ImageSet],
        kept: Sequence[ImageSet],
        judged: Sequence[ImageSet],
        trained: bool,
    ) -> None:
        """Take a network that was trained by a recipe, and samples of both modalities."""
        self.net, self.recipe = net, recipe
        self.learned, self.kept, self.judged = learned, kept, judged
        self.trained = trained
        self.device = next(net.parameters()).device

    def labels(self, place: int) -> Indices:
        """Give the classes of the training samples of a modality."""
        return _labels(self.learned[place])

    def truth(self, place: int) -> Indices:
        """Give the classes of the test samples of a modality."""
        return _labels(self.judged[place])

    def fingerprints(self) -> dict[str, list[str]]:
        """Fingerprint the samples of each part, by modality."""
        parts = {"learned": self.learned, "kept": self.kept, "judged": self.judged}
        return {name: [each.fingerprint for each in part] for name, part in parts.items()}

    @cached_property
    def described(self) -> list[Described]:
        """The training samples as the stacks describe them, changed as the recipe says."""
        return [
            Described(
                self.net,
                place,
                Pictures(self.learned[place], self.device),
                spec=spec,
                seed=self.recipe.seed,
            )
            for place, spec in enumerate(self.recipe.modalities)
        ]

    @cached_property
    def plain(self) -> list[torch.Tensor]:
        """The training samples as they are, described by the stacks, `(n, units)`."""
        return [described_as_is(self.net, place, each) for place, each in enumerate(self.learned)]

    @cached_property
    def tested(self) -> list[torch.Tensor]:
        """The test samples, described by the stacks, `(n, units)`."""
        return [described_as_is(self.net, place, each) for place, each in enumerate(self.judged)]

    @cached_property
    def components(self) -> dict[str, tuple[list[Numbers], list[Numbers]]]:
        """Principal components of training and test samples: of the inputs, and of the stacks'."""
        found: dict[str, tuple[list[Numbers], list[Numbers]]] = {}
        raw = ([_flat(each) for each in self.learned], [_flat(each) for each in self.judged])
        stacks = tuple([x.cpu().numpy() for x in side] for side in (self.plain, self.tested))
        for name, (train, test) in {"inputs": raw, "stacks": stacks}.items():
            maps = [
                principal(each[:_FITTED], count=COMPONENTS, seed=self.recipe.seed) for each in train
            ]
            found[name] = (
                [each(x) for each, x in zip(maps, train, strict=True)],
                [each(x) for each, x in zip(maps, test, strict=True)],
            )
        return found


def open_material(run: Path, *, root: Path | None, device: torch.device) -> Material:
    """Load a run and its samples."""
    net, recipe, _ = load_multimodal(run)
    splits = open_modalities(recipe, root=root)
    parts = divided(recipe, train_sets(splits), device)
    return Material(
        net.to(device),
        recipe,
        learned=[each.set for each in parts.learned.samples],
        kept=[each.set for each in parts.held_out.samples],
        judged=[each.test for each in splits if each.test is not None],
        trained=recipe.pairs.count is None,
    )


def described_as_is(net: MultimodalNet, place: int, samples: ImageSet) -> torch.Tensor:
    """Describe samples by a stack, scaled, `(n, units)`."""
    device = next(net.parameters()).device
    return Described(net, place, Pictures(samples, device)).everything


def _labels(samples: ImageSet) -> Indices:
    assert samples.labels is not None, "both modalities of the study have labels"
    return samples.labels


def _flat(samples: ImageSet) -> Numbers:
    """Give samples as rows, in [0, 1]."""
    unit = 255 if samples.images.dtype == np.uint8 else 1
    return samples.images.reshape(len(samples), -1).astype(np.float32) / unit

"""What the study compares: cells, one for each way to learn and apply a layer of features."""

from collections.abc import Sequence
from typing import Literal, get_args

import msgspec

from featlearn.config.autoencoding import L1Spec, SparseSpec
from featlearn.config.banks import DenseSpec
from featlearn.config.clusters import KMeansSpec
from featlearn.config.data import ContrastSpec, DataSpec, ZCASpec
from featlearn.config.recipe import Recipe
from featlearn.config.stages import StageSpec
from featlearn.config.training import AdamSpec, CosineSpec, PretrainSpec

SOURCE = "cifar10-jpg"

Method = Literal["triangle", "hard", "sparse", "patches"]
METHODS: dict[Method, str] = {
    "triangle": "k-means, triangle code",
    "hard": "k-means, hard code",
    "sparse": "sparse auto-encoder",
    "patches": "random patches, triangle code",
}
"""How a layer is learned and coded; `patches` learns nothing."""

Factor = Literal["method", "features", "stride", "patch", "whitening"]
FACTORS: tuple[Factor, ...] = get_args(Factor)
"""What is varied, one at a time, from the best-known setting."""

FEATURES = (100, 200, 400, 800, 1600)
STRIDES = (1, 2, 4, 8)
PATCHES = (6, 8, 12)
EPOCHS = 10
PER_IMAGE = 8
"""Patches of each image that are learned from."""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One way.

    Attributes:
        method: How it is learned and coded.
        features: How many features there are at a position.
        patch: Side of a patch, in pixels.
        stride: Step between patches.
        whitening: Whether patches are whitened.
    """

    method: Method = "triangle"
    features: int = 1600
    patch: int = 6
    stride: int = 1
    whitening: bool = True

    @property
    def learning(self) -> str:
        """Name what has to be learned for it: the code of clusters and the stride have no part."""
        method = "clusters" if self.method in {"triangle", "hard"} else self.method
        white = "white" if self.whitening else "raw"
        return f"{method}-{self.features}-{self.patch}x{self.patch}-{white}"

    @property
    def name(self) -> str:
        """Name the cell."""
        coded = f"{self.learning}-stride-{self.stride}"
        return f"{coded}-{self.method}" if self.learning.startswith("clusters") else coded


def plan_cells(features: Sequence[int] = FEATURES, vary: Sequence[Factor] = FACTORS) -> list[Cell]:
    """List the cells, the best-known setting of each factor being where the others are varied.

    Args:
        features: Numbers of features; the largest is where the other factors are varied.
        vary: Which factors.
    """
    base = Cell(features=max(features))
    replace = msgspec.structs.replace
    methods: tuple[Method, ...] = get_args(Method) if "method" in vary else (base.method,)
    cells = [replace(base, method=method) for method in methods]
    if "features" in vary:
        cells += [
            replace(base, method=method, features=count)
            for count in sorted(features, reverse=True)
            for method in methods
        ]
    if "whitening" in vary:
        cells += [replace(base, method=method, whitening=False) for method in methods]
    if "stride" in vary:
        cells += [replace(base, stride=stride) for stride in STRIDES]
    if "patch" in vary:
        cells += [replace(base, patch=patch) for patch in PATCHES]
    return list(dict.fromkeys(cells))


def recipe_of(cell: Cell, *, source: str, seed: int, images: int | None, epochs: int) -> Recipe:
    """Say how the features of a cell are learned: from patches as if they were images.

    Patches are normalised in contrast, as Coates, Lee & Ng do, and whitened if asked.

    Args:
        cell: The cell.
        source: The data set.
        seed: Of the patches and of all that is drawn.
        images: Training images that patches are cut from; all if absent.
        epochs: Epochs to learn for.
    """
    sparse = cell.method == "sparse"
    objective = SparseSpec(penalty=L1Spec(weight=1.0)) if sparse else KMeansSpec(distance="squared")
    stage = StageSpec(
        name="features",
        filter=DenseSpec(maps=cell.features, bias=sparse),
        activation="relu" if sparse else "triangle",
        input="none",
        objective=objective,
    )
    white = (ZCASpec(eps=0.1),) if cell.whitening else ()
    return Recipe(
        title=f"Single layer: {cell.learning}",
        data=DataSpec(
            source=source,
            size=(cell.patch, cell.patch),
            fit="crop",
            crops=PER_IMAGE,
            limit=images,
            hold_out=0,
        ),
        preprocess=(ContrastSpec(floor=0.02), *white),
        stages=(stage,),
        pretrain=PretrainSpec(
            epochs=epochs, batch=1000, optimizer=AdamSpec(lr=2e-3), rate=CosineSpec()
        ),
        seed=seed,
    )

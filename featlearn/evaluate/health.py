"""Whether a stage uses its units, and how much of its input they keep."""

from collections.abc import Iterable

import msgspec
import torch
from torch import Tensor

from featlearn.evaluate.rebuilding import rebuildable
from featlearn.networks.stack import Stack
from featlearn.stages.stage import Stage


class StageHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one stage on a sample of images.

    Attributes:
        stage: Name of the stage.
        images: How many images were looked at.
        units: Units of the code.
        dead: Share of units whose code is the same for every image, in [0, 1].
        active: Share of codes that are not zero, averaged over images, in [0, 1].
        sparsity: Hoyer's measure of each image's code, averaged: 0 when all units
            are equally active, 1 when a single one is.
        explained_variance: 1 - ‖x̂ - x‖² / ‖x - mean x‖² of the scaled input, clean;
            `None` for a stage that cannot rebuild.
    """

    stage: str
    images: int
    units: int
    dead: float
    active: float
    sparsity: float
    explained_variance: float | None


@torch.no_grad()
def stack_health(stack: Stack, batches: Iterable[Tensor]) -> list[StageHealth]:
    """Look at every stage of a stack.

    Args:
        stack: The network, in evaluation mode.
        batches: Images `(n, maps, height, width)` in [0, 1], gone through once.

    Returns:
        One entry for each stage, bottom first; empty without images.
    """
    tallies = [_Tally(stack.stage(index)) for index in range(len(stack))]
    for images in batches:
        maps = stack.prepare(images)
        for tally in tallies:
            tally.add(maps)
            maps = tally.stage(maps).output
    return [tally.result() for tally in tallies if tally.images]


class _Tally:
    """Sums over batches, in double precision."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.images = 0
        self.active = 0.0
        self.sparsity = 0.0
        self.error = 0.0
        self.squares = 0.0
        self.rebuilt = 0
        self.sum: Tensor | float = 0.0
        self.low: Tensor | None = None
        self.high: Tensor | None = None

    def add(self, maps: Tensor) -> None:
        """Count a batch of the stage's input."""
        code = self.stage.code(self.stage.scaler(maps)).flatten(1).double()
        self.images += len(code)
        self.active += float((code != 0).double().mean(1).sum())
        self.sparsity += float(hoyer_sparsity(code).sum())
        low, high = code.amin(0), code.amax(0)
        self.low = low if self.low is None else torch.minimum(self.low, low)
        self.high = high if self.high is None else torch.maximum(self.high, high)
        if self.stage.decoder is not None:
            self._rebuild(rebuildable(self.stage, maps))

    def _rebuild(self, maps: Tensor) -> None:
        """Count the error of a reconstruction, in the units of the scaled input."""
        x = self.stage.scaler(maps).double()
        rebuilt = self.stage.scaler(self.stage.rebuild(maps)).double()
        self.error += float((rebuilt - x).square().sum())
        self.squares += float(x.square().sum())
        self.sum = self.sum + x.sum(0)
        self.rebuilt += len(x)

    def result(self) -> StageHealth:
        """Turn sums into figures."""
        assert self.low is not None
        assert self.high is not None
        spread = self.high - self.low
        reach = torch.maximum(self.high.abs(), self.low.abs()).max()
        return StageHealth(
            stage=self.stage.name,
            images=self.images,
            units=spread.numel(),
            dead=float((spread <= 1e-6 * reach).double().mean()),
            active=self.active / self.images,
            sparsity=self.sparsity / self.images,
            explained_variance=self._explained(),
        )

    def _explained(self) -> float | None:
        """Compare the error with that of the mean, per unit of the input."""
        if not isinstance(self.sum, Tensor):
            return None
        variance = self.squares - float(self.sum.square().sum()) / self.rebuilt
        return 1 - self.error / variance if variance > 0 else None


def hoyer_sparsity(code: Tensor) -> Tensor:
    """Measure how few units carry each code.

    Args:
        code: `(n, units)`.

    Returns:
        `(n,)` in [0, 1]: `(√units - ‖h‖₁ / ‖h‖₂) / (√units - 1)`; 1 for a zero code,
        and for a single unit.

    Source:
        Hoyer, JMLR 2004.
    """
    root = code.shape[1] ** 0.5
    if root == 1:
        return torch.ones_like(code[:, 0])
    norm = torch.linalg.vector_norm(code, dim=1)
    ratio = code.abs().sum(1) / torch.where(norm > 0, norm, 1.0)
    return torch.where(norm > 0, (root - ratio) / (root - 1), 1.0).clamp(0, 1)

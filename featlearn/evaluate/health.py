"""Whether a stage uses its units, and how much of its input they keep."""

from collections.abc import Iterable, Sequence

import msgspec
import torch
from torch import Tensor

from featlearn.evaluate.dictionary import dictionary_condition, duplicate_filters
from featlearn.evaluate.rebuilding import rebuildable
from featlearn.evaluate.representation import effective_rank
from featlearn.networks.stack import Stack
from featlearn.stages.stage import Stage

ACTIVITY_EDGES = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Ends of the ranges of activity, in shares of images, into which units are sorted."""

_KEPT = 1 << 22  # numbers of codes that are kept for their rank
_MOST_ROWS = 2048


class StageHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one stage on a sample of images.

    Attributes:
        stage: Name of the stage.
        images: How many images were looked at.
        units: Units of the code.
        dead: Share of units whose code is the same for every image, in [0, 1].
        active: Share of codes that are not zero, averaged over images, in [0, 1].
        l0: How many codes of an image are not zero, averaged over images.
        activity: Shares of units by how often their code is not zero: never, and within each
            of the ranges that `ACTIVITY_EDGES` ends, in shares of images. They sum to 1.
        sparsity: Hoyer's measure of each image's code, averaged: 0 when all units
            are equally active, 1 when a single one is.
        explained_variance: 1 - ‖x̂ - x‖² / ‖x - mean x‖² of the scaled input, clean;
            `None` for a stage that cannot rebuild.
        effective_rank: In how many directions codes vary (Roy & Vetterli 2007): those of the
            maps, over images and positions, if filters are shared, or else of all units.
        directions: How many there could have been, by maps or units, and by what was looked at.
        duplicates: Share of filters whose cosine with an earlier one of their place is above
            0.95; `None` for many layers that stand for a filter.
        condition: Of the dictionary, as `dictionary_condition` gives it.
    """

    stage: str
    images: int
    units: int
    dead: float
    active: float
    l0: float
    activity: tuple[float, ...]
    sparsity: float
    explained_variance: float | None
    effective_rank: float
    directions: int
    duplicates: float | None
    condition: float | None


@torch.no_grad()
def stack_health(
    stack: Stack, batches: Iterable[Tensor], *, stages: Sequence[int] | None = None
) -> list[StageHealth]:
    """Look at every stage of a stack.

    Args:
        stack: The network, in evaluation mode.
        batches: Images `(n, maps, height, width)` in [0, 1], gone through once.
        stages: Places of the stages that are wanted, ascending; all if absent.

    Returns:
        One entry for each stage, bottom first; empty without images.
    """
    places = range(len(stack)) if stages is None else stages
    tallies = _counted(stack, places, batches, kept=_KEPT)
    return [tally.result() for tally in tallies if tally.images]


@torch.no_grad()
def brief_health(
    stack: Stack, places: Sequence[int], batches: Iterable[Tensor]
) -> dict[str, dict[str, float]]:
    """Look at some stages for what changes from epoch to epoch, and is soon found.

    Args:
        stack: The network, in evaluation mode.
        places: Places of the stages, ascending.
        batches: Images `(n, maps, height, width)` in [0, 1], gone through once.

    Returns:
        By the name of the stage `dead`, `l0` and, where it rebuilds, `explained_variance`, as
        in `StageHealth`; empty without images.
    """
    found: dict[str, dict[str, float]] = {}
    for tally in _counted(stack, places, batches, kept=0):
        if tally.images:
            explained = tally.explained()
            found[tally.stage.name] = {"dead": tally.dead(), "l0": tally.l0()} | (
                {} if explained is None else {"explained_variance": explained}
            )
    return found


def _counted(
    stack: Stack, places: Sequence[int], batches: Iterable[Tensor], *, kept: int
) -> list["_Tally"]:
    """Go through images once, and count at every place."""
    tallies = {place: _Tally(stack.stage(place), kept=kept) for place in places}
    last = max(places, default=-1)
    for images in batches:
        maps = stack.prepare(images)
        for place in range(last + 1):
            if place in tallies:
                tallies[place].add(maps)
            if place < last:
                maps = stack.stage(place)(maps).output
    return list(tallies.values())


class _Tally:
    """Sums over batches, in double precision."""

    def __init__(self, stage: Stage, *, kept: int) -> None:
        """Begin with nothing.

        Args:
            stage: What is looked at.
            kept: How many numbers of its codes to keep for their rank.
        """
        self.stage = stage
        self.room = kept // max(stage.code_shape.maps if self.shared else stage.code_shape.units, 1)
        self.room = min(self.room, _MOST_ROWS) if kept else 0
        self.rows: list[Tensor] = []
        self.images = 0
        self.active: Tensor | float = 0.0
        self.sparsity = 0.0
        self.error = 0.0
        self.squares = 0.0
        self.rebuilt = 0
        self.sum: Tensor | float = 0.0
        self.low: Tensor | None = None
        self.high: Tensor | None = None

    @property
    def shared(self) -> bool:
        """Whether positions answer by the same filters."""
        return self.stage.filter.shared

    def add(self, maps: Tensor) -> None:
        """Count a batch of the stage's input."""
        code = self.stage.code(self.stage.scaler(maps)).double()
        self._keep(code)
        self.images += len(code)
        self.active = self.active + (code != 0).double().sum(0)
        flat = code.flatten(1)
        self.sparsity += float(hoyer_sparsity(flat).sum())
        low, high = flat.amin(0), flat.amax(0)
        self.low = low if self.low is None else torch.minimum(self.low, low)
        self.high = high if self.high is None else torch.maximum(self.high, high)
        if self.stage.decoder is not None:
            self._rebuild(rebuildable(self.stage, maps))

    def _keep(self, code: Tensor) -> None:
        """Keep codes from all over, as long as there is room, one row for each place of a filter.

        Of shared filters one position of every image, another of each, as they are many and
        neighbours alike.
        """
        if not self.room:
            return
        if not self.shared:
            rows = code.flatten(1)
        else:
            places = code.flatten(2)
            which = torch.arange(self.images, self.images + len(code), device=code.device)
            step = max(round(0.618 * places.shape[2]), 1)  # spread by the golden section
            rows = places[
                torch.arange(len(code), device=code.device), :, which * step % places.shape[2]
            ]
        self.rows.append(rows[: self.room])
        self.room -= len(self.rows[-1])

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
        rows = torch.cat(self.rows) if self.rows else torch.zeros(0, 1)
        duplicates = duplicate_filters(self.stage)
        l0 = self.l0()
        units = self.stage.code_shape.units if self.low is None else self.low.numel()
        return StageHealth(
            stage=self.stage.name,
            images=self.images,
            units=units,
            dead=self.dead(),
            active=l0 / units,
            l0=l0,
            activity=self._activity(),
            sparsity=self.sparsity / self.images,
            explained_variance=self.explained(),
            effective_rank=effective_rank(rows),
            directions=min(max(len(rows) - 1, 0), rows.shape[1]),
            duplicates=None if duplicates is None else float(duplicates.double().mean()),
            condition=dictionary_condition(self.stage),
        )

    def dead(self) -> float:
        """Give the share of units whose code is always the same."""
        assert self.low is not None
        assert self.high is not None
        reach = torch.maximum(self.high.abs(), self.low.abs()).max()
        return float((self.high - self.low <= 1e-6 * reach).double().mean())

    def l0(self) -> float:
        """Give how many codes of an image are not zero."""
        assert isinstance(self.active, Tensor)
        return float(self.active.sum()) / self.images

    def _activity(self) -> tuple[float, ...]:
        """Sort units by how often they are in a code; those of a shared filter are one."""
        assert isinstance(self.active, Tensor)
        shares = self.active / self.images
        shares = (shares.mean((1, 2)) if self.shared else shares).flatten()
        ends = torch.tensor(ACTIVITY_EDGES, dtype=shares.dtype, device=shares.device)
        # A share of 1 may come out a little above.
        places = torch.bucketize(shares.clamp(max=1.0), ends)
        counts = torch.bincount(places, minlength=len(ACTIVITY_EDGES))
        return tuple((counts.double() / shares.numel()).tolist())

    def explained(self) -> float | None:
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

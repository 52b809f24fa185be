"""How a stage represents images: how sparsely, in how many directions, how like another."""

from collections.abc import Iterable, Sequence

import msgspec
import torch
from torch import Tensor

from featlearn.errors import DataError, ShapeError
from featlearn.evaluate.units import responses
from featlearn.networks.stack import Stack, What

MOST_KEPT = 1000
"""Images whose responses are kept, for what cannot be added up batch by batch."""

_CELLS = 1 << 24  # correlations that are looked at at once


class StageRepresentation(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one stage's responses to a sample of images.

    Attributes:
        stage: Name of the stage.
        images: How many images were looked at.
        kept: How many of them, the first ones, the rank and the duplicates are of.
        units: How many units there are.
        lifetime: Sparsity of a unit over images, averaged over units, in [0, 1]; `None` if all
            units are silent.
        population: Sparsity of an image's responses over units, averaged over images, likewise.
        effective_rank: In how many directions responses vary, at most `min(kept - 1, units)`.
        duplicates: Share of units whose response follows, or mirrors, that of an earlier
            unit (correlation above 0.99 in absolute value), in [0, 1].
    """

    stage: str
    images: int
    kept: int
    units: int
    lifetime: float | None
    population: float | None
    effective_rank: float
    duplicates: float


@torch.no_grad()
def stack_representation(
    stack: Stack,
    batches: Iterable[Tensor],
    *,
    stages: Sequence[int] | None = None,
    what: What = "output",
    kept: int = MOST_KEPT,
) -> list[StageRepresentation]:
    """Describe how every stage represents images.

    Memory is that of a batch and of `kept` responses of each unit, whatever the images.

    Args:
        stack: The network, in evaluation mode.
        batches: Images `(n, maps, height, width)` in [0, 1], gone through once.
        stages: Places of the stages that are wanted, ascending; all if absent.
        what: Which part of them.
        kept: How many images the rank and the duplicates are of.

    Returns:
        One entry for each stage; empty without images.
    """
    places = list(range(len(stack))) if stages is None else list(stages)
    tallies = [_Tally(kept) for _ in places]
    for found in responses(stack, batches, stages=places, what=what):
        for tally, part in zip(tallies, found, strict=True):
            tally.add(part)
    return [
        tally.result(stack.names[place])
        for place, tally in zip(places, tallies, strict=True)
        if tally.images
    ]


@torch.no_grad()
def stage_features(
    stack: Stack, batches: Iterable[Tensor], *, what: What = "output", kept: int = MOST_KEPT
) -> dict[str, Tensor]:
    """Keep the responses of every stage to the first images, to compare them by `cka_table`.

    Args:
        stack: The network, in evaluation mode.
        batches: Images `(n, maps, height, width)` in [0, 1].
        what: Which part of the stages.
        kept: How many images; memory grows with them.

    Returns:
        By the name of the stage `(images, units)`; empty without images.
    """
    parts: list[list[Tensor]] = []
    images = 0
    for found in responses(stack, batches, what=what):
        parts.append([part[: kept - images] for part in found])
        images += len(parts[-1][0])
        if images >= kept:
            break
    if not parts:
        return {}
    return {
        name: torch.cat([found[place] for found in parts]) for place, name in enumerate(stack.names)
    }


def cka_table(some: Sequence[Tensor], others: Sequence[Tensor]) -> Tensor:
    """Compare each representation with each: stages of a network, of two, of a random one.

    Args:
        some: Responses `(images, units)`, those of each entry to the same images.
        others: Likewise.

    Returns:
        `(len(some), len(others))` double, `linear_cka` of each pair.
    """
    return torch.tensor(
        [[linear_cka(one, other) for other in others] for one in some], dtype=torch.float64
    ).reshape(len(some), len(others))


def linear_cka(x: Tensor, y: Tensor) -> float:
    """Measure how like two representations are, whatever their axes and their scale.

    Time and memory are those of the smaller of two equal ways: by images, `images²`, or
    by units, `units_x · units_y`.

    Args:
        x: Responses `(images, units_x)`.
        y: Responses `(images, units_y)` to the same images.

    Returns:
        In [0, 1]: 1 if one is a rotation of the other times a number, 0 if no direction of one
        goes with one of the other; NaN where one answers all images alike. Few images
        overrate it: two random representations of n images in many units come near 1.

    Raises:
        ShapeError: If they are not `(images, units)` of as many images.

    Source:
        Kornblith et al., ICML 2019, section 3: linear CKA.
    """
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
        raise ShapeError(
            f"CKA compares (images, units) of the same images; got {tuple(x.shape)} and "
            f"{tuple(y.shape)}"
        )
    x, y = _centred(x), _centred(y)
    if len(x) < min(x.shape[1], y.shape[1]):
        k, l = x @ x.T, y @ y.T  # noqa: E741 - the paper's K and L
        both, own, other = (k * l).sum(), k.square().sum(), l.square().sum()
    else:
        both = (x.T @ y).square().sum()
        own, other = ((z @ z.T if len(z) < z.shape[1] else z.T @ z).square().sum() for z in (x, y))
    return float(both / (own * other).sqrt())


def effective_rank(x: Tensor) -> float:
    """Count the directions in which responses vary, each by its share of the variation.

    Args:
        x: Responses `(images, units)`; the mean is taken off.

    Returns:
        exp of the entropy of the singular values over their sum: from 1 to the rank, at most
        `min(images - 1, units)`; 0 where nothing varies.

    Raises:
        ShapeError: If `x` is not `(images, units)`.

    Source:
        Roy & Vetterli, EUSIPCO 2007.
    """
    if x.ndim != 2:
        raise ShapeError(f"responses are (images, units); got {tuple(x.shape)}")
    x = _centred(x)
    square = x @ x.T if len(x) < x.shape[1] else x.T @ x
    values = torch.linalg.eigvalsh(square).clamp_min(0).sqrt()
    # Roots of what rounding left of zeros are no directions.
    values = values[values > 1e-6 * values.max()] if len(values) else values
    if not len(values):
        return 0.0
    shares = values / values.sum()
    return float(torch.exp(-(shares * shares.log()).sum()))


def duplicate_units(x: Tensor, *, above: float = 0.99) -> Tensor:
    """Find units that say what an earlier one says.

    Args:
        x: Responses `(images, units)`.
        above: Least absolute correlation, exclusive.

    Returns:
        `(units,)`, which units follow or mirror one before them. Units that answer all
        images alike correlate with none.

    Raises:
        ShapeError: If `x` is not `(images, units)`.
    """
    if x.ndim != 2:
        raise ShapeError(f"responses are (images, units); got {tuple(x.shape)}")
    x = _centred(x).float()
    norm = torch.linalg.vector_norm(x, dim=0)
    x = torch.where(norm > 0, x / torch.where(norm > 0, norm, 1.0), 0.0)
    units = x.shape[1]
    found = torch.zeros(units, dtype=torch.bool, device=x.device)
    step = max(_CELLS // max(units, 1), 1)
    for first in range(0, units, step):
        last = min(first + step, units)
        like = (x[:, first:last].T @ x[:, :last]).abs() > above
        found[first:last] = like.tril(first - 1).any(1)  # those before each
    return found


def treves_rolls(mean: Tensor, mean_square: Tensor, count: int) -> Tensor:
    """Measure sparsity by the first two moments of the sizes of responses.

    Args:
        mean: Means of |r| over `count` responses, `(n,)`.
        mean_square: Means of r² over them, `(n,)`.
        count: How many there are: images for a lifetime, units for a population.

    Returns:
        `(n,)`: `(1 - mean² / mean_square) / (1 - 1 / count)`, in [0, 1]: 0 if all responses
        are equally large, 1 if a single one is not zero; NaN if all are zero, or one is all.

    Source:
        Vinje & Gallant, Science 2000, after Treves & Rolls, Network 1991. Rates of cells are
        never negative; of signed responses the sizes are taken.
    """
    if count < 2:
        return torch.full_like(mean, torch.nan)
    return ((1 - mean.square() / mean_square) / (1 - 1 / count)).clamp(0, 1)


def _centred(x: Tensor) -> Tensor:
    """Take the mean of each unit off, and what rounding leaves of constant ones, in double."""
    low, high = (x.amin(0), x.amax(0)) if len(x) else (x.sum(0), x.sum(0))
    x = x.double()
    return torch.where(low == high, 0.0, x - x.mean(0))


class _Tally:
    """Sums over batches in double precision, and the first responses as they are."""

    def __init__(self, kept: int) -> None:
        self.most = kept
        self.kept: list[Tensor] = []
        self.images = 0
        self.sizes: Tensor | float = 0.0
        self.squares: Tensor | float = 0.0
        self.sparsity = 0.0
        self.active = 0

    def add(self, part: Tensor) -> None:
        """Count a batch of responses."""
        left = self.most - self.images
        if left > 0:
            self.kept.append(part[:left])
        part = part.double()
        self.images += len(part)
        self.sizes = self.sizes + part.abs().sum(0)
        self.squares = self.squares + part.square().sum(0)
        each = treves_rolls(part.abs().mean(1), part.square().mean(1), part.shape[1])
        self.active += int((~each.isnan()).sum())
        self.sparsity += float(each.nansum())

    def result(self, stage: str) -> StageRepresentation:
        """Turn sums into figures."""
        if not isinstance(self.sizes, Tensor) or not isinstance(self.squares, Tensor):
            raise DataError("a representation is described by images; got none")
        lifetime = treves_rolls(self.sizes / self.images, self.squares / self.images, self.images)
        kept = torch.cat(self.kept)
        return StageRepresentation(
            stage=stage,
            images=self.images,
            kept=len(kept),
            units=kept.shape[1],
            lifetime=None if bool(lifetime.isnan().all()) else float(lifetime.nanmean()),
            population=self.sparsity / self.active if self.active else None,
            effective_rank=effective_rank(kept),
            duplicates=float(duplicate_units(kept).double().mean()),
        )

"""What the best face unit bears and wants: its invariance, its stimulus, its images."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import torch
from torch import Tensor

from featlearn.evaluate.candidates import Best
from featlearn.evaluate.histogram import histogram
from featlearn.evaluate.invariance import Curves, invariance_curves, kept_range
from featlearn.evaluate.smooth_search import SMOOTH, smooth_search
from featlearn.evaluate.stimulus import Stimuli, optimal_stimulus, percentiles_of
from featlearn.evaluate.top_images import excited, top_images
from featlearn.evaluate.transformed import Transformation
from featlearn.evaluate.units import responses, unit_at, unit_name
from featlearn.networks.stack import Stack
from featlearn.studies.faces.crossed import Judged
from featlearn.training.pictures import Pictures
from featlearn.visualize.invariance import invariance_figure
from featlearn.visualize.stimulus import stimulus_figure
from featlearn.visualize.style import Figure
from featlearn.visualize.top_images import top_images_figure
from featlearn.visualize.unit_histogram import unit_histogram_figure

_AT_ONCE = 256
_SAMPLED = 2000
_STEPS = 300
"""Of the search for its stimulus."""

_SIDES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)


class Unit(NamedTuple):
    """The best unit as it was chosen on the first half.

    Attributes:
        stack: The network.
        stage: Place of the stage.
        best: Its place there, its sign and its threshold.
    """

    stack: Stack
    stage: int
    best: Best

    @property
    def place(self) -> tuple[int, int, int]:
        """Its map, row and column."""
        return unit_at(self.stack.stage(self.stage).output_shape, self.best.place)

    @property
    def name(self) -> str:
        """Its stage and place, as they are named."""
        own = self.stack.stage(self.stage)
        return f"{own.name} {unit_name(own.output_shape, self.place)}"

    def answers(self, images: Tensor) -> Tensor:
        """Compute its responses, `(n,)`."""
        batches = responses(self.stack, images.split(_AT_ONCE), stages=[self.stage])
        return torch.cat([found[:, self.best.place] for (found,) in batches])


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """How far the unit keeps half of its peak.

    Attributes:
        kind: What is done to the faces: shifts are shares of the image's side, rotation is in
            degrees, scale a factor.
        low: The least amount; the last one tried, if the response was still kept there.
        high: The largest.
        wanted: The range that a face unit should bear.
        held: Whether it does.
    """

    kind: str
    low: float
    high: float
    wanted: tuple[float, float]
    held: bool


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The input that the unit answers to most.

    Attributes:
        value: The response to it.
        percentile: Where that lies among the responses to scenes that were learned from.
        scenes: How many these are.
    """

    value: float
    percentile: float
    scenes: int


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the best unit.

    Attributes:
        unit: Its name.
        invariance: How much change it bears, of unseen faces in scenes.
        stimulus: What it wants.
    """

    unit: str
    invariance: list[Kept]
    stimulus: Wanted


def transformations(side: int) -> dict[str, tuple[Transformation, tuple[float, float]]]:
    """List what is done to faces, and the range that a unit should bear, in the same unit."""
    shifts = tuple(sorted({sign * share * side for share in _SIDES for sign in (-1, 1)}))
    turns = tuple(float(degrees) for degrees in range(-30, 31, 5))
    scales = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4, 1.6)
    most = 0.2 * side
    return {
        "shift right": (Transformation(kind="shift-x", amounts=shifts), (-most, most)),
        "shift down": (Transformation(kind="shift-y", amounts=shifts), (-most, most)),
        "rotation": (Transformation(kind="rotation", amounts=turns, about="image"), (-15.0, 15.0)),
        "scale": (Transformation(kind="scale", amounts=scales, about="image"), (0.8, 1.25)),
    }


def gather(
    unit: Unit, centred: Judged, scenes: Pictures, *, seed: int
) -> tuple[Evidence, Iterator[tuple[str, Figure]]]:
    """Measure the unit, and draw what was measured.

    Args:
        unit: The unit.
        centred: Scenes with faces in the middle that nothing was chosen on but one half.
        scenes: Scenes that were learned from.
        seed: Of the sample and of the search.

    Returns:
        The figures, and pictures by their names, drawn when they are asked for.
    """
    rows = centred.rows(1)
    images, faces = centred.images[rows], centred.faces[rows]
    curves = _curves(unit, images[faces], unit.answers(images[~faces]).mean())
    sample = scenes.sample(_SAMPLED, torch.Generator().manual_seed(seed))
    search = msgspec.structs.replace(SMOOTH, steps=_STEPS, seed=seed)
    stimuli = optimal_stimulus(
        unit.stack,
        unit.stage,
        [unit.place],
        sample=torch.cat(list(sample.batches(_AT_ONCE))),
        search=smooth_search(unit.stack, unit.stage, unit.place, base=search),
    )
    real = torch.cat([unit.answers(batch) for batch in scenes.batches(_AT_ONCE)])
    stimuli = stimuli._replace(percentiles=percentiles_of(stimuli.values, real[:, None]))
    evidence = Evidence(
        unit=unit.name,
        invariance=[_kept(name, *found) for name, found in curves.items()],
        stimulus=Wanted(
            value=float(stimuli.values[0]),
            percentile=float(stimuli.percentiles[0]),
            scenes=len(scenes),
        ),
    )
    drawn = _figures(unit, [found for found, _ in curves.values()], stimuli, real, centred, scenes)
    return evidence, drawn


def _curves(
    unit: Unit, faces: Tensor, baseline: Tensor
) -> dict[str, tuple[Curves, tuple[float, float]]]:
    """Measure the responses to faces that are moved, turned and scaled."""
    found: dict[str, tuple[Curves, tuple[float, float]]] = {}
    for name, (change, wanted) in transformations(faces.shape[-1]).items():
        curves = invariance_curves(
            unit.stack,
            unit.stage,
            [unit.place],
            [faces],
            transformation=change,
            baseline=baseline[None],
        )
        found[name] = curves, wanted
    return found


def _kept(name: str, curves: Curves, wanted: tuple[float, float]) -> Kept:
    """Say how far half of the peak is kept; shifts as shares of the side."""
    low, high = kept_range(curves)[0].tolist()
    held = low <= wanted[0] and high >= wanted[1]
    by = curves.shape.width if name.startswith("shift") else 1
    return Kept(
        kind=name,
        low=round(low / by, 4),
        high=round(high / by, 4),
        wanted=(wanted[0] / by, wanted[1] / by),
        held=held,
    )


def _figures(
    unit: Unit,
    curves: list[Curves],
    stimuli: Stimuli,
    real: Tensor,
    centred: Judged,
    scenes: Pictures,
) -> Iterator[tuple[str, Figure]]:
    """Draw the unit's sheet, a picture at a time."""
    rows = centred.rows(1)
    faces = int(centred.faces[rows].sum())
    yield (
        "invariance",
        invariance_figure(
            curves, [unit.name], images=faces, which="with an unseen face in the middle"
        ),
    )
    yield "stimulus", stimulus_figure(stimuli, [unit.name], real=real[:, None])
    top = top_images(unit.stack, scenes.batches(_AT_ONCE), stages=[unit.stage])[0]
    shown = scenes.at(top.places[unit.best.place])
    yield (
        "top-images",
        top_images_figure(
            [excited(unit.stack, unit.stage, top, unit.best.place, shown, name=unit.name)]
        ),
    )
    counted = histogram(unit.answers(centred.images[rows]), centred.faces[rows])
    yield (
        "histogram",
        unit_histogram_figure(
            counted.edges,
            counted.positives,
            counted.others,
            threshold=unit.best.choice.threshold,
            sign=unit.best.choice.sign,
            positive="faces",
            other="others",
        ),
    )

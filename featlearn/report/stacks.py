"""A stack of stages in the page: of the whole network, or of one modality."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from featlearn.config.layers import Plan
from featlearn.config.recipe import Recipe
from featlearn.errors import FeatlearnError
from featlearn.networks.stack import Stack
from featlearn.report.data_map import data_map
from featlearn.report.embed import embed_strip
from featlearn.report.network import planes_of, rows_of
from featlearn.report.samples import Sample, sample_images
from featlearn.report.stages import stage_views
from featlearn.report.unit_data import image_sheet, run_data
from featlearn.report.views import StackView
from featlearn.report.words import names_only
from featlearn.visualize.projections import first_filters


class Looked(NamedTuple):
    """A stack that is looked at.

    Attributes:
        key: Unique in the page.
        name: Of the modality; empty where there is one stack only.
        folder: What the folder of its run is called in the page.
        title: The run's.
        stack: The network.
        recipe: What it was trained by.
        layers: The network, layer by layer.
        words: What to know of its images.
    """

    key: str
    name: str
    folder: str
    title: str
    stack: Stack
    recipe: Recipe
    layers: Plan
    words: str = ""


def stack_view(
    looked: Looked, *, root: Path | None, most: int, named: Mapping[str, Sequence[str]]
) -> StackView:
    """Gather everything about a stack.

    Args:
        looked: The stack, on the device that is to compute.
        root: Where data sets are, for reconstructions; the page says so where the data cannot be
            read.
        most: Units to show.
        named: Units to show whatever else is, by the names of their stages.
    """
    key, stack, recipe = looked.key, looked.stack, looked.recipe
    rows, total = rows_of(looked.layers)
    sample, words = _sample(looked, root)
    if sample is not None:
        device = next(stack.parameters()).device
        sample = sample._replace(images=sample.images.to(device))
    stages = stage_views(key, recipe, looked.layers, stack, sample, most=most, named=named)
    images = None if sample is None else image_sheet(f"{key}-images", sample)
    mapped = None if sample is None else data_map(stack, sample, seed=recipe.seed)
    folder = " · ".join(filter(None, [looked.folder, looked.name]))
    data = run_data(key, folder, looked.title, stages=stages, images=images, sample=sample)
    return StackView(
        key=key,
        name=looked.name,
        planes=planes_of(recipe, looked.layers, first=looked.name or "image"),
        layers=rows,
        total=total,
        stages=stages,
        sample=" ".join(filter(None, [looked.words, words])),
        strip=embed_strip(first_filters(stack)),
        images=images,
        map=mapped,
        data=data | {"map": None if mapped is None else mapped.maps},
        labelled=None if sample is None else sample.labels is not None,
    )


def _sample(looked: Looked, root: Path | None) -> tuple[Sample | None, str]:
    """Take images to look at the network with, or say why there are none."""
    try:
        sample = sample_images(looked.recipe, looked.stack.input_shape, root=root)
    except FeatlearnError as error:
        said = names_only(str(error), looked.recipe.data.source)
        return None, f"No reconstructions: {said}."
    if sample is None:
        return None, "No reconstructions: the data have another shape than the network takes."
    words = f"Reconstructions and figures of stages are of {sample.judged}, nothing corrupted."
    if sample.words != sample.judged:
        words += f" Units are shown on {sample.words}."
    return sample, words

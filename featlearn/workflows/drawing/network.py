"""Pictures that need the network alone, or a few images: filters, projections, reconstructions."""

from featlearn.config.inputs import WhitenSpec
from featlearn.errors import DataError, UsageError
from featlearn.evaluate.projection import project_units
from featlearn.evaluate.units import find_unit, unit_name
from featlearn.networks.stack import Stack
from featlearn.report.samples import sample_images
from featlearn.visualize.filters import filters_figure, tiles_of
from featlearn.visualize.grid import Row, grid_figure
from featlearn.visualize.picture import pictures_figure
from featlearn.visualize.projections import has_plane, projections_figure, response_picture
from featlearn.visualize.reconstructions import reconstructions_figure, without_reconstructions
from featlearn.visualize.style import Figure
from featlearn.wording import plural
from featlearn.workflows.drawing.subject import Named, Subject

_PER_ROW = 8


def draw_filters(subject: Subject) -> Named:
    """Draw the filters of the stages."""
    stack = subject.stack
    on_image = stack.stage(0).input_shape == stack.input_shape
    for index in subject.stages:
        if index > 0 and stack.stage(index).composite and subject.place is None:
            subject.progress.note(
                f"{stack.names[index]} is made of many layers, and has no one bank of filters to "
                "draw; `--what projections` shows what its units add to the image"
            )
            continue
        if index > 0 and isinstance(stack.stage(index).spec.input, WhitenSpec):
            if subject.place is not None:
                raise UsageError(_whitened(stack, index))
            subject.progress.note(_whitened(stack, index))
            continue
        if index == 0 and not has_plane(stack, 0):
            figure = pictures_figure([response_picture(stack)])
        else:
            figure = filters_figure(stack.stage(index), on_image=on_image and index == 0)
        yield f"{stack.names[index]}-filters", figure


def draw_projections(subject: Subject) -> Named:
    """Draw the projections of the stages, or of the units that were named."""
    for index in subject.stages:
        figure = _of_units(subject, index) if subject.units else None
        name = f"{subject.stack.names[index]}-projections"
        yield name, figure or projections_figure(subject.stack, index)


def draw_reconstructions(subject: Subject) -> Named:
    """Draw what every stage rebuilds."""
    stack, recipe, _ = subject.loaded
    sample = sample_images(recipe, stack.input_shape, root=subject.root, most=256)
    if sample is None:
        raise DataError(
            f"{recipe.data.source} has images of another shape now than the network takes, "
            f"{stack.input_shape}; give back the data that the run learned from"
        )
    images = sample.images.to(subject.device)
    figure = reconstructions_figure(stack, images, preprocess=recipe.preprocess)
    missing = without_reconstructions(stack)
    if missing is not None:
        subject.progress.note(missing)
    yield "reconstructions", figure


def _whitened(stack: Stack, index: int) -> str:
    """Say why there is nothing to look at in filters on principal components."""
    stage = stack.stage(index)
    weights = plural(stage.filter.weight.shape[-3], "weight")
    return (
        f"the filters of {stage.name} are {weights} of principal components each, which lie on no "
        "plane; `--what projections` shows what its units add to the image"
    )


def _of_units(subject: Subject, index: int) -> Figure:
    """Draw the projections of units of the code that were named."""
    stack, stage = subject.stack, subject.stack.stage(index)
    units = [find_unit(stage.code_shape, name) for name in subject.units]
    patterns = project_units(stack, index, units).float().cpu().numpy()
    tiles, note = tiles_of(patterns, colour=stack.input_shape.maps == 3)
    names = [unit_name(stage.code_shape, unit) for unit in units]
    rows = [
        Row("", tiles[start : start + _PER_ROW], names[start : start + _PER_ROW])
        for start in range(0, len(units), _PER_ROW)
    ]
    title = f"{stage.name}: what units of its code add to the image"
    return grid_figure(rows, title=title, note=f"Taken down by the decoders. {note}")

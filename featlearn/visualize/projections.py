"""Pictures of what units stand for in the image."""

import numpy as np
from matplotlib.figure import Figure

from featlearn.config.banks import LocalSpec, TiledSpec
from featlearn.config.data import ChannelsSpec, ContrastSpec, PreprocessSpec
from featlearn.evaluate.projection import central_units, project_units, response_patterns
from featlearn.networks.stack import Stack
from featlearn.visualize.arranging import arrangement_words, lay_maps, shown_maps
from featlearn.visualize.filters import LIMIT, tiles_of
from featlearn.visualize.picture import Picture, pictures_figure
from featlearn.visualize.tiles import Floats, mosaic
from featlearn.wording import count as written
from featlearn.wording import plural


def projections_figure(stack: Stack, index: int) -> Figure:
    """Draw the projections of a stage's units; see `projection_picture`."""
    return pictures_figure([projection_picture(stack, index)])


def projection_picture(stack: Stack, index: int) -> Picture:
    """Show what the central unit of each map adds to the image.

    The pattern goes down through the decoders (`project_units`), whitening undone,
    and is cropped to the part of the image that any of the units reaches.

    Args:
        stack: The network.
        index: Place of the stage.
    """
    stage = stack.stage(index)
    pool, maps = stage.spec.pool, stage.code_shape.maps
    units = central_units(stage)[: shown_maps(pool, maps=maps, most=LIMIT)]
    patterns = cropped(project_units(stack, index, units).float().cpu().numpy())
    tiles, note = tiles_of(patterns, colour=stack.input_shape.maps == 3)
    height, width = patterns.shape[-2:]
    who = f"each of {written(maps)} units"
    if stage.code_shape.height * stage.code_shape.width > 1:
        who = f"the central unit of each of {written(maps)} maps"
    title = f"{stage.name}: what {who} adds to the image, {height}×{width}"
    if len(units) < maps:
        note = f"The first {len(units)} of {written(maps)}. {note}"
    note = f"Taken down by the decoders. {arrangement_words(pool)}{note}"
    return Picture(f"{stage.name}-projections", title, note, lay_maps(tiles, pool))


def response_picture(stack: Stack) -> Picture:
    """Show what the first stage's units respond to in the image.

    It stands for the filters where they have no plane of their own, as after PCA.
    """
    stage = stack.stage(0)
    pool, maps = stage.spec.pool, stage.code_shape.maps
    most = shown_maps(pool, maps=maps, most=LIMIT)
    patterns = cropped(response_patterns(stack, most=most).float().cpu().numpy())
    tiles, note = tiles_of(patterns, colour=stack.input_shape.maps == 3)
    height, width = patterns.shape[-2:]
    what = f"what each of {written(maps)} units responds to in the image"
    title = f"{stage.name}: {what}, {height}×{width}"
    if len(tiles) < maps:
        note = f"The first {len(tiles)} of {written(maps)}. {note}"
    note = f"Filters, taken back through whitening. {arrangement_words(pool)}{note}"
    return Picture(f"{stage.name}-filters", title, note, lay_maps(tiles, pool))


def has_plane(stack: Stack, index: int) -> bool:
    """Say whether a stage has one bank of filters, with a spatial extent to show."""
    stage = stack.stage(index)
    return not stage.composite and stage.filter.weight.shape[-1] > 1


def first_filters(stack: Stack, *, count: int = 18) -> Picture:
    """Show the first filters of the first stage in one row, to know a network by.

    Where they have no spatial extent, as after PCA, what the units add to the image
    stands for them.
    """
    stage = stack.stage(0)
    units = central_units(stage)[:count]
    if has_plane(stack, 0):
        bank = stage.filter.weight.detach().float().cpu().numpy()
        if isinstance(stage.spec.filter, LocalSpec | TiledSpec):
            bank = bank[bank.shape[0] // 2, bank.shape[1] // 2]
    else:
        bank = cropped(project_units(stack, 0, units).float().cpu().numpy())
    tiles, note = tiles_of(bank[:count], colour=bank.shape[1] == stack.input_shape.maps == 3)
    pixels = mosaic(tiles, columns=len(tiles))
    title = f"{stage.name}: the first {len(tiles)} of {plural(stage.code_shape.maps, 'filter')}"
    return Picture("first-filters", title, note, pixels)


def projection_tells_more(stack: Stack, index: int, preprocess: tuple[PreprocessSpec, ...]) -> bool:
    """Say whether projections differ from the filters themselves.

    They are the same for the first stage of a tied auto-encoder on images that are
    not whitened.
    """
    decoder = stack.stage(index).decoder
    untied = decoder is not None and decoder.weight is not None
    whitened = any(not isinstance(spec, ContrastSpec | ChannelsSpec) for spec in preprocess)
    return index > 0 or untied or whitened


def cropped(patterns: Floats) -> Floats:
    """Crop to the smallest square that holds all that is not zero, where it fits.

    Args:
        patterns: `(n, channels, height, width)`.
    """
    reach = np.abs(patterns).max(axis=(0, 1), initial=0.0)
    seen = reach > 1e-6 * reach.max(initial=0.0)
    if not seen.any():
        return patterns
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    side = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    top = _start(rows[0], rows[-1], side, patterns.shape[2])
    left = _start(columns[0], columns[-1], side, patterns.shape[3])
    return patterns[:, :, top : top + side, left : left + side]


def _start(first: int, last: int, side: int, size: int) -> int:
    """Begin a window of `side` so that it is centred on first..last and inside `size`."""
    return int(np.clip((first + last + 1 - side) // 2, 0, max(size - side, 0)))

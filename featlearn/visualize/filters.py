"""Pictures of a stage's filters, whatever their kind and however many."""

import numpy as np
from matplotlib.figure import Figure

from featlearn.config.banks import LocalSpec, TiledSpec
from featlearn.evaluate.principal import principal_pattern
from featlearn.stages.stage import Stage
from featlearn.visualize.arranging import arrangement_words, lay_maps, shown_maps
from featlearn.visualize.picture import Picture, pictures_figure
from featlearn.visualize.tiles import (
    Floats,
    Pixels,
    mosaic,
    signed_tiles,
    spread,
    strips,
)
from featlearn.wording import count

LIMIT = 256
"""Most tiles in a mosaic; the first ones are shown, which is no choice among them."""

_STRIP_CHANNELS = 16
_STRIP_TILES = 96
_GRID_SIDE = 8
_GRID_MAPS = 4
_TILES = "Mid-grey is zero; each tile has a scale of its own."
_WHOSE = {"atoms": "atoms of the decoder"}
_PLACED = {"atoms": "atoms-", "filters": ""}
_SCALE = "Mid-grey is zero; each filter has a scale of its own."


def filters_figure(stage: Stage, *, on_image: bool = True) -> Figure:
    """Draw the filters of a stage; see `filter_pictures`."""
    return pictures_figure(filter_pictures(stage, on_image=on_image))


def filter_pictures(stage: Stage, *, on_image: bool = True) -> list[Picture]:
    """Show the weights of a stage's filters, and those of a decoder of its own.

    Filters on one map are grey tiles, filters on an RGB image coloured ones. On up
    to 16 maps each filter is a strip with a tile for each map; on more, the tile is
    the pattern that the maps share most of (`principal_pattern`). Filters without
    spatial extent are rows of a matrix. Of local (or tiled) filters all maps are shown at
    the central position, and a few maps at positions all over the image (or the tile). Where
    the decoder has weights of its own, they come first: they are what a unit adds to the input,
    the atoms of a dictionary; the filters of the encoder are what it answers to.

    Args:
        stage: The stage.
        on_image: Whether it works on the image itself, so that three maps below it
            are red, green and blue.

    Returns:
        One picture of each bank, or two for a local stage with more than one position.

    Raises:
        UsageError: If the stage is made of many layers, and has no one bank of filters.
    """
    colour = on_image and stage.input_shape.maps == 3
    own = None if stage.decoder is None else stage.decoder.weight
    banks = {"filters": stage.filter.weight}
    if own is not None:
        banks = {"atoms": own, "filters": stage.filter.weight}
    return [
        picture
        for name, weight in banks.items()
        for picture in _pictures(stage, weight.detach().float().cpu().numpy(), name, colour=colour)
    ]


def _pictures(stage: Stage, weight: Floats, name: str, *, colour: bool) -> list[Picture]:
    """Show one bank of weights: filters, or the atoms of a decoder."""
    spec = stage.spec.filter
    what = f"{spec.__struct_config__.tag} {_WHOSE.get(name, name)}"
    if not isinstance(spec, LocalSpec | TiledSpec):
        return [_bank(stage, weight, what, name=name, colour=colour)]
    rows, columns = weight.shape[:2]
    centre = weight[rows // 2, columns // 2]
    if rows * columns > 1:
        tiled = isinstance(spec, TiledSpec)
        what += " in the middle of a tile" if tiled else " at the central position"
    pictures = [_bank(stage, centre, what, name=name, colour=colour)]
    if rows * columns > 1 and min(weight.shape[-2:]) > 1:
        pictures.append(_positions(stage, weight, name=name, colour=colour))
    return pictures


def tiles_of(bank: Floats, *, colour: bool) -> tuple[Pixels, str]:
    """Make one tile of each filter or pattern, and say what the tiles show.

    Args:
        bank: `(n, channels, height, width)`.
        colour: Whether three channels are red, green and blue.
    """
    if bank.shape[1] == 1 or (colour and bank.shape[1] == 3):
        return signed_tiles(bank), _TILES
    patterns, share = principal_pattern(bank)
    note = (
        f"Each tile is the pattern that a filter's {bank.shape[1]} input maps share most of "
        f"({100 * np.mean(share):.0f}\u00a0% of its squared weights on average). {_TILES}"
    )
    return signed_tiles(patterns), note


def _bank(stage: Stage, bank: Floats, what: str, *, name: str, colour: bool) -> Picture:
    """Show filters that apply at one position, or at all of them."""
    maps, channels, height, width = bank.shape
    if height == width == 1 and channels > 1:
        return _matrix(stage, bank.reshape(maps, channels), name=name)
    title = f"{stage.name}: {count(maps)} {what}, {height}×{width}{_on(channels, colour=colour)}"
    pool = stage.spec.pool
    if 1 < channels <= _STRIP_CHANNELS and not colour:
        tiles = strips(bank[: shown_maps(pool, maps=maps, most=_STRIP_TILES // channels)])
        note = (
            f"Each strip is a filter, with a tile for each of its {channels} input maps. {_SCALE}"
        )
        gap = max(2, height // 3)
    else:
        shown = shown_maps(pool, maps=maps, most=LIMIT)
        tiles, note = tiles_of(bank[:shown], colour=colour)
        gap = 1 if height > 1 else 0
    note = _first(len(tiles), maps) + arrangement_words(pool) + note
    return Picture(f"{stage.name}-{name}", title, note, lay_maps(tiles, pool, gap=gap))


def _matrix(stage: Stage, matrix: Floats, *, name: str) -> Picture:
    """Show filters without spatial extent as the rows of a matrix."""
    maps, channels = matrix.shape
    shown = matrix[:128, :LIMIT]
    whose = " in the decoder" if name in _WHOSE else ""
    title = (
        f"{stage.name}: weights of {count(maps)} units (rows) on {count(channels)} inputs "
        f"(columns){whose}"
    )
    if shown.shape != matrix.shape:
        title += f"; the first {shown.shape[0]} by {shown.shape[1]}"
    pixels = signed_tiles(shown[np.newaxis, np.newaxis])[0]
    note = (
        "Mid-grey is zero, on one scale for all. These units see no plane; their projection does."
    )
    return Picture(f"{stage.name}-{_PLACED[name]}matrix", title, note, pixels)


def _positions(stage: Stage, weight: Floats, *, name: str, colour: bool) -> Picture:
    """Show a few maps of a local stage, or its decoder, at positions as they lie in the image."""
    rows, columns = (spread(count, _GRID_SIDE) for count in weight.shape[:2])
    maps, channels = weight.shape[2:4]
    shown = min(maps, _GRID_MAPS)
    bank = weight[np.ix_(rows, columns)][:, :, :shown].transpose(2, 0, 1, 3, 4, 5)
    tiles, note = tiles_of(bank.reshape(-1, *weight.shape[3:]), colour=colour)
    grids = [mosaic(grid, columns=len(columns)) for grid in np.split(tiles, shown)]
    pixels = mosaic(np.stack(grids), columns=shown, gap=max(4, weight.shape[-1] // 2))
    tiled = isinstance(stage.spec.filter, TiledSpec)
    places = "places in a tile" if tiled else "positions"
    whole = f"{weight.shape[0]}×{weight.shape[1]} {places}"
    every = (len(rows), len(columns)) == weight.shape[:2]
    where = f"all {whole}" if every else f"{len(rows)}×{len(columns)} of its {whole}"
    whose = " of the decoder" if name in _WHOSE else ""
    title = (
        f"{stage.name}: the first {shown} of {count(maps)} maps{whose}, each at {where}"
        f"{_on(channels, colour=colour)}"
    )
    note = f"{name.capitalize()} lie as their {places} do, each of which has its own. {note}"
    return Picture(f"{stage.name}-{_PLACED[name]}positions", title, note, pixels)


def _on(channels: int, *, colour: bool) -> str:
    """Say what filters lie on, where it is not a single plane."""
    if channels == 1:
        return ""
    return " in colour" if colour else f" on {count(channels)} maps"


def _first(shown: int, total: int) -> str:
    """Say that not all are shown."""
    return f"The first {shown} of {count(total)}. " if shown < total else ""

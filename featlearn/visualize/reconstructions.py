"""Pictures of what stages rebuild, beside what they were given."""

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from featlearn.config.data import ContrastSpec, PreprocessSpec
from featlearn.errors import UsageError
from featlearn.evaluate.projection import to_image
from featlearn.evaluate.rebuilding import joined, rebuildable
from featlearn.networks.stack import Stack
from featlearn.ops.planes import middle
from featlearn.stages.stage import Stage
from featlearn.visualize.picture import Picture, pictures_figure
from featlearn.visualize.tiles import Floats, Pixels, image_tiles, mosaic, spread
from featlearn.wording import count

_COLUMNS = 12
_MAP_IMAGES = 2


def reconstructions_figure(
    stack: Stack, images: Tensor, *, preprocess: tuple[PreprocessSpec, ...] = ()
) -> Figure:
    """Draw the reconstructions of every stage that has any, and name those that have none.

    See `reconstruction_pictures`.

    Raises:
        UsageError: If there are none.
    """
    pictures = reconstruction_pictures(stack, images, preprocess=preprocess)
    if not pictures:
        raise UsageError("no reconstructions: no stage is an auto-encoder of maps with a plane")
    missing = without_reconstructions(stack)
    if missing is not None:
        last = pictures[-1]
        pictures[-1] = last._replace(note=f"{last.note} {missing}")
    return pictures_figure(pictures)


def without_reconstructions(stack: Stack) -> str | None:
    """Say which stages `reconstruction_pictures` has nothing of, and why; `None` if of all."""
    stages = [stack.stage(index) for index in range(len(stack))]
    none = [stage.name for stage in stages if stage.decoder is None]
    flat = [
        stage.name
        for stage in stages[1:]
        if stage.decoder is not None and stage.input_shape.width == 1
    ]
    said: list[str] = []
    if none:
        has = "has" if len(none) == 1 else "have"
        said.append(f"Nothing is shown of {' and '.join(none)}, which {has} no decoder.")
    if flat:
        said.append(f"What {' and '.join(flat)} rebuilds has no plane, and is not shown.")
    return " ".join(said) or None


@torch.no_grad()
def reconstruction_pictures(
    stack: Stack, images: Tensor, *, preprocess: tuple[PreprocessSpec, ...] = ()
) -> list[Picture]:
    """Show inputs and their reconstructions, one picture for each stage.

    The first stage's are images: as given, as prepared where that changes their look,
    and rebuilt, the last two on one scale per image. A higher stage's are the maps
    below it, for two images, each map above its reconstruction. Nothing is corrupted. A
    stage that learned from patches rebuilds patches, which are put side by side again.

    Args:
        stack: The network, in evaluation mode.
        images: `(n, maps, height, width)` in [0, 1]; twelve are shown, from all over.
        preprocess: The recipe's preparation of images.
    """
    pictures: list[Picture] = []
    images = images[spread(len(images), _COLUMNS)]
    maps = stack.prepare(images)
    for index in range(len(stack)):
        stage = stack.stage(index)
        if stage.decoder is not None:
            patches = rebuildable(stage, maps)
            given, rebuilt = (
                joined(stage, each, maps) for each in (patches, stage.rebuild(patches))
            )
            if index == 0:
                look = any(not isinstance(spec, ContrastSpec) for spec in preprocess)
                pictures.append(_first(stack, images, given, rebuilt, prepared_too=look))
            elif given.shape[-1] > 1:
                pictures.append(_higher(stage, given, rebuilt))
        maps = stage(maps).output
    return pictures


def _first(
    stack: Stack, images: Tensor, given: Tensor, rebuilt: Tensor, *, prepared_too: bool
) -> Picture:
    """Show rows of images: given, prepared if asked for, rebuilt."""
    stage = stack.stage(0)
    if given.shape[2:] == (1, 1) and given.shape[1:] != images.shape[1:]:
        given, rebuilt = to_image(stack, given), to_image(stack, rebuilt)
    if given.shape[1] == images.shape[1]:
        images = middle(images, given.shape[2], given.shape[3])
    prepared, rebuilt_ = _array(given), _array(rebuilt)
    low, high = _range(prepared)
    rows: list[tuple[str, Pixels]] = []
    alike = given.shape[1:] == images.shape[1:]
    if alike:
        rows.append(("as given", image_tiles(_array(images))))
    if prepared_too or not alike:
        rows.append(("as prepared", _scaled(prepared, low, high)))
    rows.append(("rebuilt from the code", _scaled(rebuilt_, low, high)))
    words = ", ".join(word for word, _ in rows)
    pixels = mosaic(np.concatenate([tiles for _, tiles in rows]), columns=len(given))
    note = (
        f"From the top: {words}.{_by_patches(stage)} A reconstruction has the scale of the image "
        "as it was prepared, so that lost contrast shows."
    )
    name = stage.name
    return Picture(
        f"{name}-reconstructions", f"{name}: images and what the code keeps", note, pixels
    )


def _higher(stage: Stage, given: Tensor, rebuilt: Tensor) -> Picture:
    """Show maps of two samples in rows, each row above its reconstruction."""
    samples, shown = min(_MAP_IMAGES, len(given)), min(_COLUMNS, given.shape[1])
    rows: list[Pixels] = []
    for place in range(samples):
        maps, back = (_array(t[place, :shown])[:, np.newaxis] for t in (given, rebuilt))
        low, high = _range(maps)
        rows += [_scaled(maps, low, high), _scaled(back, low, high)]
    pixels = mosaic(np.concatenate(rows), columns=shown)
    note = (
        f"The first {shown} of {count(given.shape[1])} maps below the stage, for {samples} of the "
        f"images; under each map its reconstruction, on the same scale.{_by_patches(stage)}"
    )
    name = stage.name
    return Picture(f"{name}-reconstructions", f"{name}: maps and what the code keeps", note, pixels)


def _by_patches(stage: Stage) -> str:
    """Say that a stage rebuilds patches, if it learned from parts of its maps."""
    patches = stage.spec.patches
    if patches is None or tuple(stage.input_shape[1:]) == (patches.size, patches.size):
        return ""
    side = f"{patches.size}\u00a0×\u00a0{patches.size}"
    return (
        f" The stage learned from patches of {side}, and rebuilds such patches, side by side, from "
        "the middle."
    )


def _scaled(tiles: Floats, low: Floats, high: Floats) -> Pixels:
    """Show each image between its own ends."""
    return image_tiles(tiles, low=low, high=high)


def _range(images: Floats) -> tuple[Floats, Floats]:
    """Find the least and the greatest value of each image."""
    flat = images.reshape(len(images), -1)
    return flat.min(axis=1), flat.max(axis=1)


def _array(tensor: Tensor) -> Floats:
    """Give a tensor as an array for drawing."""
    return tensor.detach().float().cpu().numpy()

"""Faces pasted into natural scenes: a mixture to learn from, and images to be judged by."""

import math
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from featlearn.datasets.imageset import Images
from featlearn.datasets.pasting import Jitter, ellipse, paste, scrambled_phases, shuffled_blocks
from featlearn.datasets.raw import EncodedImages, RawSet
from featlearn.datasets.tensors import as_images
from featlearn.errors import DataError

SIZE = 32
"""Side of a scene, in pixels."""

SIDE = 20
"""Height and width of a pasted face before it is scaled, in pixels."""

JITTERS = {
    "none": Jitter(0.0, 0.0, (1.0, 1.0)),
    "third": Jitter(0.07, 5.0, (0.93, 1.08)),
    "full": Jitter(0.2, 15.0, (0.8, 1.25)),
}
"""How far faces are moved, turned and scaled, by the name of the regime."""

_BLOCKS = 4
_SHRUNK = (1.0, 1.5, 2.0, 3.0)  # how many pixels of a picture, along a side, become one
_LEAST_DEVIATION = 0.05  # of a scene where a face may come: none would be seen in a clear sky


class Faces(NamedTuple):
    """Aligned faces.

    Attributes:
        patches: `(n, 1, SIDE, SIDE)` in [0, 1].
        people: `(n,)`, a name for each person, or for each face whose person is not known.
    """

    patches: Tensor
    people: tuple[str, ...]

    def of(self, keep: Callable[[str], bool]) -> "Faces":
        """Take the faces of some people."""
        places = [place for place, name in enumerate(self.people) if keep(name)]
        return Faces(self.patches[places], tuple(self.people[place] for place in places))


class Scenes(NamedTuple):
    """Scenes, with faces in some.

    Attributes:
        images: `(n, 1, SIZE, SIZE)` uint8.
        faces: `(n,)`, which hold a face.
        ids: Names, `PERSON/NUMBER` or `PICTURE/NUMBER`: images of one folder belong together.
    """

    images: Images
    faces: NDArray[np.bool_]
    ids: tuple[str, ...]


def aligned_faces(
    images: Images,
    people: Sequence[str],
    *,
    rows: slice | None = None,
    columns: slice | None = None,
) -> Faces:
    """Cut faces out of portraits and bring them to the size in which they are pasted.

    Args:
        images: Portraits, `(n, 1, height, width)`.
        people: A name for each.
        rows: Which rows to keep; all if absent.
        columns: Which columns to keep.
    """
    every = slice(None)
    cut = as_images(np.ascontiguousarray(images[..., rows or every, columns or every]))
    small = F.interpolate(cut, (SIDE, SIDE), mode="bilinear", antialias=True)
    return Faces(small.clamp(0, 1), tuple(people))


def without_people(pictures: RawSet) -> list[tuple[str, Tensor]]:
    """Decode pictures in which no people are, in grey.

    Args:
        pictures: Of BSDS500, encoded.

    Returns:
        The number that names each picture, and its pixels `(1, height, width)` in [0, 1].
    """
    text = resources.files("featlearn.datasets").joinpath("bsds_people.txt").read_text("utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    shown = {name for line in lines for name in line.split()}
    names = [PurePosixPath(name).stem for name in pictures.ids or ()]
    chosen = [place for place, name in enumerate(names) if name not in shown]
    assert isinstance(pictures.images, EncodedImages)
    decoded = pictures.images.decode(np.array(chosen, np.int64), colour="grey")
    return [
        (names[place], as_images(pixels[None])[0])
        for place, (_, pixels) in zip(chosen, decoded, strict=True)
    ]


def scene_crops(
    pictures: Sequence[tuple[str, Tensor]], count: int, *, generator: torch.Generator
) -> tuple[Tensor, list[str]]:
    """Cut windows out of pictures, at several scales, where a face could be seen.

    Args:
        pictures: Names, and pixels `(1, height, width)` in [0, 1].
        count: How many windows.
        generator: Draws picture, scale and place of each.

    Returns:
        `(count, 1, SIZE, SIZE)`, and the name of the picture of each.

    Raises:
        DataError: If none of very many windows has any contrast in its middle.
    """
    levels = [[_shrunk(pixels, by) for by in _SHRUNK] for _, pixels in pictures]
    crops: list[Tensor] = []
    names: list[str] = []
    tries = 20
    while len(names) < count:
        if not tries or not pictures:
            raise DataError(
                f"{len(pictures)} pictures have no windows with enough contrast to see a face in"
            )
        tries -= 1
        wanted = (count - len(names)) * 3 // 2 + 100
        drawn = torch.rand(wanted, 4, generator=generator).tolist()
        places = [int(draw[0] * len(pictures)) for draw in drawn]
        windows = torch.stack(
            [
                _window(levels[place][int(scale * len(_SHRUNK))], down, right)
                for place, (_, scale, down, right) in zip(places, drawn, strict=True)
            ]
        )
        clear = (_deviation(windows) >= _LEAST_DEVIATION).tolist()
        crops.append(windows[clear])
        names += [pictures[place][0] for place, kept in zip(places, clear, strict=True) if kept]
    return torch.cat(crops)[:count], names[:count]


def mixture(
    pictures: Sequence[tuple[str, Tensor]],
    faces: Faces,
    *,
    count: int,
    share: float,
    jitter: Jitter,
    generator: torch.Generator,
) -> Scenes:
    """Make scenes to learn from, with a face in some of them.

    Args:
        pictures: As `scene_crops` takes them.
        faces: To paste.
        count: How many scenes.
        share: In how many of them there is a face, in [0, 1].
        jitter: How far faces are moved, turned and scaled.
        generator: Draws everything.
    """
    scenes, names = scene_crops(pictures, count, generator=generator)
    some = round(share * count)
    where = torch.randperm(count, generator=generator)[:some].sort().values
    chosen = torch.randint(max(len(faces.people), 1), (some,), generator=generator)
    if some:
        scenes[where] = paste(
            faces.patches[chosen], scenes[where], side=SIDE, jitter=jitter, generator=generator
        )
    for place, face in zip(where.tolist(), chosen.tolist(), strict=True):
        names[place] = faces.people[face]
    return _named(scenes, where, names)


def judged(
    pictures: Sequence[tuple[str, Tensor]],
    faces: Faces,
    *,
    repeats: int,
    majority: float,
    jitter: Jitter,
    generator: torch.Generator,
) -> Scenes:
    """Make scenes to be judged by, half of whose negatives have something pasted too.

    A quarter of the negatives hold a face cut into blocks that were shuffled, a quarter one
    whose phases were scrambled, pasted as faces are: neither the mask nor the spectrum
    tells a face. The rest are scenes as they are.

    Args:
        pictures: As `scene_crops` takes them.
        faces: To paste, each `repeats` times.
        repeats: How often.
        majority: Share of the negatives, in (0, 1).
        jitter: How far faces, whole or not, are moved, turned and scaled.
        generator: Draws everything.
    """
    positives = len(faces.people) * repeats
    negatives = round(positives * majority / (1 - majority))
    scenes, names = scene_crops(pictures, positives + negatives, generator=generator)
    quarter = negatives // 4
    others = torch.randint(len(faces.people), (2 * quarter,), generator=generator)
    broken = torch.cat(
        [
            shuffled_blocks(faces.patches[others[:quarter]], blocks=_BLOCKS, generator=generator),
            scrambled_phases(faces.patches[others[quarter:]], generator=generator),
        ]
    )
    patches = torch.cat([faces.patches.repeat(repeats, 1, 1, 1), broken])
    pasted = len(patches)
    scenes[:pasted] = paste(patches, scenes[:pasted], side=SIDE, jitter=jitter, generator=generator)
    people = [*faces.people * repeats, *(faces.people[place] for place in others.tolist())]
    return _named(scenes, torch.arange(positives), people + names[pasted:])


def _named(scenes: Tensor, where: Tensor, names: Sequence[str]) -> Scenes:
    """Number the scenes, and round them to bytes."""
    faces = np.zeros(len(scenes), np.bool_)
    faces[where.numpy()] = True
    images = (scenes * 255).round().to(torch.uint8).numpy()
    return Scenes(images, faces, tuple(f"{name}/{place}" for place, name in enumerate(names)))


def _shrunk(pixels: Tensor, by: float) -> Tensor:
    """Shrink a picture, but never below the size of a window."""
    height, width = (max(math.floor(length / by), SIZE) for length in pixels.shape[1:])
    return F.interpolate(pixels[None], (height, width), mode="bilinear", antialias=True)[0]


def _window(pixels: Tensor, down: float, right: float) -> Tensor:
    """Cut a window whose place is given in [0, 1) of where it may be."""
    height, width = pixels.shape[1:]
    top, left = int(down * (height - SIZE + 1)), int(right * (width - SIZE + 1))
    return pixels[:, top : top + SIZE, left : left + SIZE]


def _deviation(windows: Tensor) -> Tensor:
    """Measure the deviation of the middle, where a face would be."""
    mask = ellipse(SIDE, SIDE)
    first = (SIZE - SIDE) // 2
    middle = windows[:, 0, first : first + SIDE, first : first + SIDE]
    mean = (mask * middle).sum((1, 2), keepdim=True) / mask.sum()
    return ((mask * (middle - mean).square()).sum((1, 2)) / mask.sum()).sqrt()

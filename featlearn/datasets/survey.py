"""What kinds of pictures a source holds, where they are not of one kind."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from featlearn.datasets.images import Look, look_at
from featlearn.datasets.raw import EncodedImages, RawSet
from featlearn.datasets.source import open_raw
from featlearn.errors import DataError


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Pictures that have something in common; `example` is the first of them."""

    name: str
    images: int
    example: str


class BadFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that should be a picture and cannot be read; `reason` is a sentence."""

    name: str
    reason: str


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """The kinds of pictures in a source, the most frequent first.

    `images` counts the pictures that can be read, `broken` names the others. `sizes` are
    height x width, `modes` colours in words, `depths` `8-bit`, `16-bit` or
    `floating-point`. `settings` are the keys of a recipe that give all that can be read
    one shape, by their values; `advice` is what is to be done, a sentence each.
    """

    images: int
    sizes: list[Kind]
    modes: list[Kind]
    depths: list[Kind]
    broken: list[BadFile]
    settings: dict[str, list[int] | str]
    advice: list[str]


class _Seen(NamedTuple):
    """A picture that can be read."""

    name: str
    look: Look


def survey(source: str, *, root: Path | None) -> Survey | None:
    """Look at every picture of a source, and say how they differ.

    Args:
        source: A known set, a folder or zip of images, or an IDX, NPY or NPZ file.
        root: The data root, for known sets.

    Returns:
        `None` where there is nothing to say: all pictures can be read and have one shape,
        or none can, or the images are no pictures in files of their own.

    Raises:
        UsageError: If there is no such source.
        DataError: If it is broken as a whole.
    """
    raw = open_raw(source, root=root)
    parts = [raw.train] if raw.test is None else [raw.train, raw.test]
    seen: list[_Seen] = []
    broken: list[BadFile] = []
    for part in parts:
        for found in _looks(part):
            if isinstance(found, BadFile):
                broken.append(found)
            else:
                seen.append(found)
    settings = _settings([picture.look for picture in seen])
    mixed = len({picture.look.floats for picture in seen}) > 1
    if not seen or not (settings or mixed or broken):
        return None
    return Survey(
        images=len(seen),
        sizes=_kinds(seen, lambda look: f"{look.shape[1]}x{look.shape[2]}"),
        modes=_kinds(seen, lambda look: look.mode),
        depths=_kinds(seen, lambda look: look.depth),
        broken=broken,
        settings=settings,
        advice=_advice(settings, mixed=mixed, broken=len(broken)),
    )


def _looks(part: RawSet) -> Iterator[_Seen | BadFile]:
    """Look at one picture after another, the broken ones too."""
    if not isinstance(part.images, EncodedImages):
        return
    assert part.ids is not None, "files have names"
    files = part.images.files(np.arange(part.count))
    for short, (name, opened) in zip(part.ids, files, strict=True):
        try:
            with opened() as file:
                yield _Seen(short, look_at(file, name=name))
        except DataError as error:
            yield BadFile(name=short, reason=str(error))


def _kinds(seen: Iterable[_Seen], name: Callable[[Look], str]) -> list[Kind]:
    """Count pictures by what `name` calls them."""
    found: dict[str, list[str]] = {}
    for picture in seen:
        found.setdefault(name(picture.look), []).append(picture.name)
    kinds = [Kind(name=key, images=len(names), example=names[0]) for key, names in found.items()]
    return sorted(kinds, key=lambda kind: -kind.images)  # stable: of equal ones the first met


def _settings(looks: Sequence[Look]) -> dict[str, list[int] | str]:
    """Choose what gives all pictures one shape: the size and colours that most have."""
    settings: dict[str, list[int] | str] = {}
    sizes = Counter(look.shape[1:] for look in looks)
    if len(sizes) > 1:
        settings["data.size"] = list(max(sizes, key=lambda size: sizes[size]))
        settings["data.fit"] = "resize"
    maps = {look.shape[0] for look in looks}
    if len(maps) > 1:
        settings["data.colour"] = "rgb" if max(maps) > 2 else "grey"
    return settings


def _advice(settings: dict[str, list[int] | str], *, mixed: bool, broken: int) -> list[str]:
    """Say what is to be done before these pictures can be learned from."""
    advice: list[str] = []
    if settings:
        words = [
            f"{key} = {msgspec.json.encode(value).decode()}" for key, value in settings.items()
        ]
        advice.append(f"one shape for all of them: {', '.join(words)}")
    if "data.size" in settings:
        advice.append(
            'data.size may be any height and width; data.fit = "crop" cuts, and needs one that no '
            'picture is smaller than, "pad" needs one that none is larger than'
        )
    if mixed:
        advice.append(
            "no setting mixes 8-bit pixels with 16-bit or floating-point ones: convert the files "
            "to one depth"
        )
    if broken:
        files = "a file that cannot be read is" if broken == 1 else "files that cannot be read are"
        advice.append(f"{files} never skipped: mend or remove {'it' if broken == 1 else 'them'}")
    return advice

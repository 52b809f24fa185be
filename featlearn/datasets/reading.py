"""Decoding, sizing and cropping the images of an opened source."""

from typing import NamedTuple

import numpy as np

from featlearn.config.audio import LogMelSpec
from featlearn.config.data import DataSpec
from featlearn.datasets.images import convert_maps
from featlearn.datasets.imageset import Images, ImageSet, Indices
from featlearn.datasets.labels import limited
from featlearn.datasets.limits import check_set_bytes
from featlearn.datasets.raw import EncodedImages, EncodedSounds, RawSet
from featlearn.datasets.sizing import fit_images, random_crops
from featlearn.errors import DataError, UnfitError
from featlearn.seeds import derive


class Part(NamedTuple):
    """Some images of an opened source."""

    raw: RawSet
    places: Indices
    name: str

    def labels(self) -> Indices | None:
        """Take the labels of these images."""
        return None if self.raw.labels is None else self.raw.labels[self.places]

    def limited(self, limit: int, *, seed: int) -> "Part":
        """Draw up to `limit` of these images."""
        chosen = limited(self.labels(), len(self.places), limit, seed=seed)
        return self._replace(places=self.places[chosen])


def read(part: Part, spec: DataSpec, *, seed: int) -> ImageSet:
    """Decode, convert, size and crop the images of a part."""
    raw, places = part.raw, part.places
    if spec.audio is not None and not isinstance(raw.images, EncodedSounds):
        raise DataError(f"`data.audio` describes recordings, and {part.name} holds images")
    if isinstance(raw.images, EncodedSounds):
        sounds = raw.images.maps(places, spec.audio or LogMelSpec())
        images = _sized(sounds, places, spec, seed=seed, name=f"{part.name}: each recording")
    elif isinstance(raw.images, EncodedImages):
        images = _decoded(raw.images, places, spec, seed=seed, name=part.name)
    else:
        chosen = raw.images if len(places) == raw.count else raw.images[places]
        chosen = convert_maps(chosen, colour=spec.colour, name=part.name)
        images = _sized(chosen, places, spec, seed=seed, name=f"{part.name}: each image")
    repeats = spec.crops or 1
    ids = None if raw.ids is None else [raw.ids[int(place)] for place in places]
    if ids is not None and spec.crops is not None:
        ids = [f"{name}#{crop}" for name in ids for crop in range(repeats)]
    labels, targets = part.labels(), raw.targets
    return ImageSet(
        images=np.ascontiguousarray(images),
        labels=None if labels is None else np.repeat(labels, repeats),
        classes=raw.classes,
        ids=None if ids is None else tuple(ids),
        name=part.name,
        targets=None if targets is None else np.repeat(targets[places], repeats, axis=0),
        target_names=raw.target_names,
    )


def _decoded(
    encoded: EncodedImages, places: Indices, spec: DataSpec, *, seed: int, name: str
) -> Images:
    """Decode pictures one by one into one array, which the first one shapes."""
    repeats = spec.crops or 1
    result: Images | None = None  # shaped when the first picture is known
    first = ""
    pictures = encoded.decode(places, colour=spec.colour)
    for row, (picture_name, picture) in enumerate(pictures):
        sized = _sized(picture[None], places[row : row + 1], spec, seed=seed, name=picture_name)
        if result is None:
            check_set_bytes(len(places) * sized.nbytes, name=name)
            result = np.empty((len(places) * repeats, *sized.shape[1:]), sized.dtype)
            first = picture_name
        if sized.shape[1:] != result.shape[1:] or sized.dtype != result.dtype:
            raise _mixed(first, result, picture_name, sized)
        result[row * repeats : (row + 1) * repeats] = sized
    if result is None:
        raise DataError(f"{name} holds no images")
    return result


def _sized(images: Images, places: Indices, spec: DataSpec, *, seed: int, name: str) -> Images:
    """Apply the size policy to images of one shape."""
    if spec.crops is None or spec.size is None:
        return fit_images(images, size=spec.size, fit=spec.fit, name=name)
    check_set_bytes(
        len(images) * spec.crops * images.shape[1] * spec.size[0] * spec.size[1] * images.itemsize,
        name=name,
    )
    crops: list[Images] = []
    for image, place in zip(images, places, strict=True):
        # By the image's place, so that its crops do not depend on its company.
        rng = np.random.Generator(np.random.PCG64(derive(seed, int(place))))
        crops.append(
            random_crops(image[None], size=spec.size, count=spec.crops, rng=rng, name=name)
        )
    return np.concatenate(crops)


def _mixed(first: str, result: Images, second: str, sized: Images) -> DataError:
    """Say what differs between two pictures of a set."""
    if sized.dtype != result.dtype:
        return DataError(
            f"{first} has {_depth(result)} pixels, but {second} {_depth(sized)} ones; "
            "convert them to one depth"
        )
    if sized.shape[1] != result.shape[1]:
        return UnfitError(
            f"{first} has {_maps(result)}, but {second} {_maps(sized)}",
            advice='set `data.colour` to "grey" or "rgb"',
        )
    sizes = [" x ".join(map(str, images.shape[-2:])) for images in (result, sized)]
    return UnfitError(
        f"{first} is {sizes[0]} (height x width), but {second} is {sizes[1]}",
        advice='set `data.size`, and `data.fit` to "crop", "pad" or "resize"',
    )


def _depth(images: Images) -> str:
    """Name the depth of pixels."""
    return "8-bit" if images.dtype == np.uint8 else "16-bit or floating-point"


def _maps(images: Images) -> str:
    """Name the maps of a picture."""
    known = {1: "grey", 2: "grey with alpha", 3: "colour", 4: "colour with alpha"}
    count = images.shape[1]
    return f"{count} map{'s' * (count != 1)} ({known.get(count, 'other')})"

"""Digits that are made harder, each kind against a construction by hand."""

import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from featlearn.datasets.entries import KNOWN
from featlearn.datasets.known import is_present, open_known
from featlearn.datasets.known_digits import (
    VALIDATED,
    VARIANTS,
    Opener,
    Sizes,
    Variant,
    harder_digits,
    windows_of,
)
from featlearn.datasets.raw import RawSet, RawSplits
from featlearn.errors import DataError
from featlearn.ops.random import generator
from tests.datasets.harder import write_root

SIZES = Sizes(60, 12, 300)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("root")
    write_root(folder)
    return folder


@pytest.fixture
def opened(root: Path) -> Opener:
    return partial(open_known, root=root)


def arrays(found: RawSplits) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Give all images and labels, those of the test split last."""
    parts = [pixels(part) for part in (found.train, found.test)]
    return tuple(np.concatenate(both) for both in zip(*parts, strict=True))  # pyright: ignore[reportReturnType]


def pixels(part: RawSet | None) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    assert part is not None
    assert isinstance(part.images, np.ndarray)
    assert part.labels is not None
    return part.images[:, 0], part.labels


def plain(opened: Opener) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draw the same digits, as they are."""
    images, labels = arrays(opened("mnist"))
    order = torch.randperm(len(images), generator=generator(3, "digits"))[: sum(SIZES)].numpy()
    return images[order], labels[order]


def test_turned_digits_are_those_of_scipy(opened: Opener) -> None:
    images, labels = arrays(harder_digits("rotated", opened, SIZES, seed=3))
    before, classes = plain(opened)
    assert np.array_equal(labels, classes)
    angles = torch.rand(len(images), generator=generator(3, "rotated")).numpy() * 360
    assert angles.min() < 10
    assert angles.max() > 350
    for image, digit, degrees in zip(images, before, angles, strict=True):
        turned = ndimage.rotate(
            digit.astype(float), degrees, reshape=False, order=1, mode="grid-constant"
        )
        assert np.abs(image - turned).max() < 0.51


def test_noise_is_behind_and_not_before_a_digit(opened: Opener) -> None:
    images, labels = arrays(harder_digits("random-background", opened, SIZES, seed=3))
    before, classes = plain(opened)
    assert np.array_equal(labels, classes)
    assert (images >= before).all()
    behind = images[before == 0]
    counts = np.bincount(behind, minlength=256)
    expected = len(behind) / 256
    # A chi-squared of 255 degrees of freedom: 255 on average, 23 its deviation.
    assert ((counts - expected) ** 2 / expected).sum() < 255 + 5 * 23
    # The brighter one of the two: the ink shows as often as no noise is brighter.
    ink = before[before > 0]
    shown = (images[before > 0] == ink).mean()
    assert shown == pytest.approx((ink + 1.0).mean() / 256, abs=0.01)


def test_a_ground_is_a_window_of_the_picture_that_it_names(opened: Opener, root: Path) -> None:
    found = harder_digits("image-background", opened, SIZES, seed=3)
    images, labels = arrays(found)
    before, classes = plain(opened)
    assert np.array_equal(labels, classes)
    assert found.test is not None
    names = [*(found.train.ids or ()), *(found.test.ids or ())]
    assert [name.split("/")[1] for name in names] == [str(place) for place in range(len(names))]
    of = np.array([name.split("/")[0] for name in names])
    for place in (0, 5, 61, 70, 72, 200):
        folder = "train" if place < 72 else "test"
        path = root / "natural-bsds500" / folder / f"{of[place]}.png"
        grey = np.asarray(Image.open(path))
        windows = np.maximum(sliding_window_view(grey, (28, 28)), before[place])
        assert (windows == images[place]).all((2, 3)).any()
    learned, validated, judged = ({*part} for part in np.split(of, [60, 72]))
    assert learned == {f"train{number}" for number in range(5)}
    assert validated == {"train5"}
    assert judged == {"test0", "test1", "test2"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_they_are_the_same_each_time_and_no_digit_comes_twice(
    variant: Variant, opened: Opener
) -> None:
    everything = Sizes(1000, 200, 597)
    first, again, other = (
        harder_digits(variant, opened, everything, seed=seed) for seed in (0, 0, 1)
    )
    assert np.array_equal(arrays(first)[0], arrays(again)[0])
    assert first.train.ids == again.train.ids
    assert not np.array_equal(arrays(first)[0], arrays(other)[0])
    # All digits that there are were asked for, so each class is there as often as in the source.
    counted = [np.bincount(labels) for labels in (arrays(first)[1], arrays(opened("mnist"))[1])]
    assert np.array_equal(counted[0], counted[1])
    assert (first.train.count, first.train.classes) == (1200, KNOWN["mnist"].class_names)
    with pytest.raises(DataError, match=r"1798 digits were asked for, and .* has 1797"):
        harder_digits(variant, opened, Sizes(1000, 200, 598), seed=0)


def test_smooth_windows_are_left_out() -> None:
    draw = np.random.default_rng(0)
    smooth = np.full((30, 30), 200, np.uint8)
    rough = draw.integers(0, 256, (30, 40)).astype(np.uint8)
    half = np.concatenate([smooth, rough], axis=1)
    cut, names = windows_of(
        [("smooth", smooth), ("rough", rough), ("half", half)],
        50,
        side=8,
        draw=torch.Generator().manual_seed(0),
    )
    assert cut.shape == (50, 1, 8, 8)
    assert {*names} == {"rough", "half"}
    assert (cut.std((1, 2, 3)) > 255 * 0.05).all()


def test_pictures_that_are_of_no_use_are_refused() -> None:
    smooth = np.full((30, 30), 7, np.uint8)
    for pictures, said in (([("smooth", smooth)], "1 photographs have no"), ([], "0 photographs")):
        with pytest.raises(DataError, match=said):
            windows_of(pictures, 2, side=8, draw=torch.Generator())
    with pytest.raises(DataError, match=r"smooth is \(30, 30\), too small for a window of 31x31"):
        windows_of([("smooth", smooth)], 2, side=31, draw=torch.Generator())


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_they_are_made_of_must_be_there(variant: Variant, tmp_path: Path) -> None:
    name = VARIANTS[variant]
    assert not is_present(name, tmp_path)
    with pytest.raises(DataError, match="mnist is not under the data root"):
        open_known(name, root=tmp_path)


@pytest.mark.data("mnist", "natural-bsds500")
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_known_sets_are_as_the_catalogue_says(variant: Variant) -> None:
    data = Path(os.environ["FEATLEARN_DATA"])
    known = KNOWN[VARIANTS[variant]]
    found = open_known(known.name, root=data)
    assert is_present(known.name, data)
    assert found.test is not None
    assert (found.train.count, found.test.count) == (known.train, known.test)
    assert known.train - VALIDATED == 10_000
    images, labels = arrays(found)
    assert images.shape[1:] == known.shape[1:]
    assert np.bincount(labels).min() > 5000
    if found.train.ids is not None:
        of = [{name.split("/")[0] for name in part.ids or ()} for part in (found.train, found.test)]
        assert not of[0] & of[1]
        of = [{name.split("/")[0] for name in found.train.ids[part]}
              for part in (slice(10_000), slice(10_000, None))]  # fmt: skip
        assert not of[0] & of[1]

"""Numbers and hints as people read them."""

import pytest

from featlearn.wording import (
    caution,
    count,
    duration,
    human_bytes,
    images_or_patches,
    percent,
    plural,
    suggestion,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (10.4, "10 s"),
        (59.6, "1 min"),
        (75, "1 min 15 s"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (3725, "1 h 2 min"),
    ],
)
def test_times_have_the_two_units_that_matter(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (9_912_422, "9.9 MB"),
        (3e15, "3000.0 TB"),
        (10**400, "1000000000000000000.0 TB"),
    ],
)
def test_bytes_are_written_as_people_say_them(size: float, text: str) -> None:
    assert human_bytes(size) == text


def test_shares_are_percent() -> None:
    assert percent(0.97314) == "97.31 %"
    assert percent(1, places=0) == "100 %"


def test_counts_and_plurals() -> None:
    assert count(1234567) == "1\u202f234\u202f567"
    assert [plural(number, "image") for number in (0, 1, 2)] == ["0 images", "1 image", "2 images"]


def test_patches_are_told_from_images() -> None:
    assert images_or_patches(96, pictures=None) == "96 images"
    assert images_or_patches(24_000, pictures=2) == "24\u202f000 patches cut from 2 pictures"
    assert images_or_patches(1, pictures=1) == "1 patch cut from 1 picture"


def test_figures_of_few_images_are_called_coarse() -> None:
    assert caution(12) == "only 12 images: each is 8.3 points of accuracy"
    assert [caution(images) for images in (0, 100, 10_000)] == [None, None, None]


def test_only_what_is_close_is_suggested() -> None:
    assert suggestion("mnits", ["digits", "mnist"]) == "; did you mean mnist?"
    assert suggestion("photos of birds", ["digits", "mnist"]) == ""


def test_names_that_are_about_as_close_are_suggested_together() -> None:
    names = ["vgg11", "vgg13", "vgg16", "vgg19", "lenet5"]
    assert suggestion("vgg", names) == "; did you mean vgg19, vgg16 or vgg13?"
    assert suggestion("lenet", names) == "; did you mean lenet5?"
    assert suggestion("resnt50", ["resnet50", "resnext50"]) == (
        "; did you mean resnet50 or resnext50?"
    )

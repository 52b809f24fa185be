from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featlearn.datasets.imageset import ImageSet, Indices
from featlearn.datasets.labels import (
    balanced_subset,
    hold_out,
    hold_out_labelled,
    limited,
    match_classes,
    set_apart,
)
from featlearn.errors import DataError

TEN_OF_EACH = np.tile(np.arange(4), 10)


def counts(labels: Indices, places: Indices) -> list[int]:
    tally = Counter(labels[places].tolist())
    return [tally[value] for value in sorted(set(labels.tolist()))]


@pytest.mark.parametrize("count", [4, 5, 6, 20, 39, 40])
def test_classes_are_drawn_evenly_within_one(count: int) -> None:
    chosen = balanced_subset(TEN_OF_EACH, count, seed=0)
    assert len(set(chosen.tolist())) == count
    assert chosen.tolist() == sorted(chosen.tolist())
    shares = counts(TEN_OF_EACH, chosen)
    assert max(shares) - min(shares) <= 1


def test_the_draw_depends_on_the_seed_alone() -> None:
    draws = [tuple(balanced_subset(TEN_OF_EACH, 8, seed=seed).tolist()) for seed in range(6)]
    assert len(set(draws)) == 6
    assert draws[2] == tuple(balanced_subset(TEN_OF_EACH, 8, seed=2).tolist())


def test_what_does_not_divide_goes_to_each_class_equally_often() -> None:
    extra = Counter[int]()
    for seed in range(400):
        drawn = balanced_subset(TEN_OF_EACH, 5, seed=seed)
        extra.update(value for value, n in Counter(TEN_OF_EACH[drawn].tolist()).items() if n == 2)
    # Each class is drawn 100 times of 400; five standard deviations are 43.
    assert all(57 < extra[value] < 143 for value in range(4))


def test_a_class_that_cannot_have_one_more_leaves_it_to_the_others() -> None:
    labels = np.array([0] * 2 + [1] * 9 + [2] * 9)
    for seed in range(20):
        assert sorted(counts(labels, balanced_subset(labels, 8, seed=seed))) == [2, 3, 3]


def test_numbers_of_classes_may_have_gaps() -> None:
    labels = np.array([3, 3, 9, 9])
    assert counts(labels, balanced_subset(labels, 2, seed=0)) == [1, 1]


def test_more_than_there_are_is_refused_with_the_number() -> None:
    with pytest.raises(DataError, match="41 labels were asked for, but there are 40"):
        balanced_subset(TEN_OF_EACH, 41, seed=0)


@pytest.mark.parametrize(("count", "most"), [(9, 8), (12, 8)])
def test_a_class_with_too_few_is_named_with_what_is_possible(count: int, most: int) -> None:
    labels = np.array([0] * 2 + [1] * 9 + [2] * 9)
    with pytest.raises(DataError, match=f"class 'owl' has 2; ask for at most {most}$"):
        balanced_subset(labels, count, seed=0, classes=("owl", "cat", "dog"))
    balanced_subset(labels, most, seed=0)


@pytest.mark.parametrize(("count", "said"), [(-1, "-1 labels"), (0, "0 labels"), (1, "1 label")])
def test_fewer_labels_than_classes_are_refused_with_the_number_of_classes(
    count: int, said: str
) -> None:
    with pytest.raises(
        DataError, match=f"^{said} cannot be shared among 4 classes, .*; ask for at least 4$"
    ):
        balanced_subset(TEN_OF_EACH, count, seed=0)
    with pytest.raises(DataError, match="3 labels cannot be shared among 4 classes"):
        balanced_subset(TEN_OF_EACH, 3, seed=0)


def test_a_limit_takes_all_where_there_are_no_more() -> None:
    assert limited(None, 5, 5, seed=0).tolist() == [0, 1, 2, 3, 4]
    assert limited(TEN_OF_EACH, 40, 99, seed=0).tolist() == list(range(40))


def test_a_limit_without_labels_draws_each_image_equally_often() -> None:
    drawn = Counter[int]()
    for seed in range(300):
        chosen = limited(None, 10, 5, seed=seed)
        assert len(set(chosen.tolist())) == 5
        drawn.update(chosen.tolist())
    # 150 of 300 each; five standard deviations are 43.
    assert all(107 < drawn[place] < 193 for place in range(10))


def test_a_limit_is_as_even_as_the_classes_allow() -> None:
    labels = np.array([0] * 2 + [1] * 5 + [2] * 50)
    assert counts(labels, limited(labels, 57, 20, seed=1)) == [2, 5, 13]
    assert sorted(counts(labels, limited(labels, 57, 7, seed=1))) == [2, 2, 3]


@settings(deadline=None)
@given(n=st.integers(1, 100), fraction=st.floats(0, 0.99), seed=st.integers(0, 5))
def test_holding_out_divides_all_images(n: int, fraction: float, seed: int) -> None:
    train, held = hold_out(n, fraction, seed=seed)
    assert sorted([*train.tolist(), *held.tolist()]) == list(range(n))
    assert train.tolist() == sorted(train.tolist())
    assert held.tolist() == sorted(held.tolist())
    assert len(train) >= 1
    if fraction == 0 or n == 1:
        assert len(held) == 0
    else:
        assert len(held) == min(max(1, round(fraction * n)), n - 1)


def test_holding_out_depends_on_the_seed() -> None:
    assert hold_out(50, 0.2, seed=0)[1].tolist() != hold_out(50, 0.2, seed=1)[1].tolist()


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=6),
    fraction=st.floats(0, 0.9),
)
def test_setting_apart_keeps_proportions(sizes: list[int], fraction: float) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    train, test = set_apart(labels, len(labels), fraction, seed=0)
    assert sorted([*train.tolist(), *test.tolist()]) == list(range(len(labels)))
    shares = np.bincount(labels[test], minlength=len(sizes))
    for share, size in zip(shares, sizes, strict=True):
        assert share <= size - 1
        assert abs(share - size * fraction) <= 1 or share == size - 1
    room = sum(
        min(int(np.floor(size * fraction)) + 1, size - 1) if size * fraction > 0 else 0
        for size in sizes
    )
    assert len(test) <= round(len(labels) * fraction)
    assert len(test) == min(round(len(labels) * fraction), room)


def test_setting_apart_without_labels() -> None:
    train, test = set_apart(None, 10, 0.2, seed=0)
    assert (len(train), len(test)) == (8, 2)
    assert len(set_apart(None, 2, 0.2, seed=0)[1]) == 0


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=5),
    crops=st.integers(1, 4),
    fraction=st.floats(0.01, 0.9),
)
def test_validation_takes_whole_pictures_and_leaves_every_class_one(
    sizes: list[int], crops: int, fraction: float
) -> None:
    of_picture = np.repeat(np.arange(len(sizes)), sizes)
    pictures = np.repeat(np.arange(len(of_picture)), crops)[1:]  # of the first a crop less
    labels = of_picture[pictures]
    if not len(labels):
        return
    train, held = hold_out_labelled(labels, fraction, seed=3, pictures=pictures)
    assert sorted([*train.tolist(), *held.tolist()]) == list(range(len(labels)))
    assert not set(pictures[train].tolist()) & set(pictures[held].tolist())
    assert set(labels[train].tolist()) == set(labels.tolist())
    assert len(held) or len(np.unique(pictures)) == len(np.unique(labels))


def test_validation_has_each_class_in_proportion() -> None:
    labels = np.repeat(np.arange(10), 20)
    _, held = hold_out_labelled(labels, 0.1, seed=0)
    assert np.bincount(labels[held]).tolist() == [2] * 10
    assert held.tolist() != hold_out_labelled(labels, 0.1, seed=1)[1].tolist()


def named(classes: tuple[str, ...], labels: list[int] | None) -> ImageSet:
    count = 2 if labels is None else len(labels)
    images = np.zeros((count, 1, 1, 1), np.uint8)
    numbers = None if labels is None else np.array(labels)
    return ImageSet(images, numbers, classes, None, "pets")


def test_labels_are_matched_by_the_names_of_classes() -> None:
    pets = named(("dog", "owl"), [0, 1, 1])
    assert match_classes(pets, ("cat", "dog", "owl")).tolist() == [1, 2, 2]


def test_a_class_that_no_image_has_need_not_be_known() -> None:
    assert match_classes(named(("cat", "gnu"), [0]), ("owl", "cat")).tolist() == [1]


def test_an_unknown_class_is_named() -> None:
    with pytest.raises(DataError, match=r"pets has the class 'gnu'.*cat, dog"):
        match_classes(named(("cat", "gnu"), [0, 1]), ("cat", "dog"))


def test_images_without_labels_cannot_be_matched() -> None:
    with pytest.raises(DataError, match="pets has no labels"):
        match_classes(named((), None), ("cat",))

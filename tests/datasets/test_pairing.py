import numpy as np
import pytest

from featlearn.config.modalities import PairsSpec
from featlearn.datasets.imageset import ImageSet
from featlearn.datasets.pairing import both_in, pair_samples, unpaired
from featlearn.errors import DataError

NAMES = ("image", "sound")


def samples(
    labels: list[int] | None, *, ids: list[str] | None = None, count: int = 0, classes: str = "abc"
) -> ImageSet:
    count = len(labels or ids or [0] * count)
    return ImageSet(
        np.zeros((count, 1, 2, 2), np.uint8),
        None if labels is None else np.array(labels, np.int64),
        () if labels is None else tuple(classes),
        None if ids is None else tuple(ids),
        "set",
    )


def test_by_order_the_first_goes_with_the_first() -> None:
    pairs = pair_samples(
        NAMES, [samples(None, count=3), samples(None, count=3)], PairsSpec(by="order"), seed=0
    )
    assert pairs.tolist() == [[0, 0], [1, 1], [2, 2]]


def test_modalities_of_different_lengths_are_named() -> None:
    with pytest.raises(DataError, match="image has 3, sound has 2; pair them by key or by class"):
        pair_samples(
            NAMES, [samples(None, count=3), samples(None, count=2)], PairsSpec(by="order"), seed=0
        )


def test_by_key_files_of_one_name_go_together() -> None:
    first = samples(None, ids=["a/1.png", "a/2.png", "b/3.png"])
    second = samples(None, ids=["b/3.wav", "a/1.flac", "c/9.wav"])
    pairs = pair_samples(NAMES, [first, second], PairsSpec(), seed=0)
    assert pairs.tolist() == [[0, 1], [2, 0]]
    assert unpaired(pairs, 3, 0).tolist() == [1]
    assert unpaired(pairs, 3, 1).tolist() == [2]


def test_no_common_key_no_names_and_a_key_twice_are_refused() -> None:
    one = samples(None, ids=["1.png"])
    with pytest.raises(DataError, match=r"no key in common.*image has '1', sound has '2' first"):
        pair_samples(NAMES, [one, samples(None, ids=["2.wav"])], PairsSpec(), seed=0)
    with pytest.raises(DataError, match="'sound', has no names of files to pair by"):
        pair_samples(NAMES, [one, samples(None, count=1)], PairsSpec(), seed=0)
    with pytest.raises(DataError, match="'sound', has the key '1' twice"):
        pair_samples(NAMES, [one, samples(None, ids=["1.wav", "1.flac"])], PairsSpec(), seed=0)


def test_by_class_every_sample_of_the_largest_gets_a_partner_of_its_class() -> None:
    first, second = samples([0, 1, 2] * 20), samples([2, 1, 0, 0], classes="abc")
    pairs = pair_samples(NAMES, [first, second], PairsSpec(by="class"), seed=0)
    assert pairs[:, 0].tolist() == [*range(60)]
    assert first.labels is not None
    assert second.labels is not None
    np.testing.assert_array_equal(first.labels[pairs[:, 0]], second.labels[pairs[:, 1]])
    assert np.bincount(pairs[:, 1]).tolist() == [20, 20, 10, 10]  # reused evenly


def test_classes_go_by_name_and_not_by_number() -> None:
    first, second = samples([0, 1], classes="ab"), samples([0, 1], classes="ba")
    pairs = pair_samples(NAMES, [first, second], PairsSpec(by="class"), seed=0)
    assert pairs.tolist() == [[0, 1], [1, 0]]


def test_a_count_is_class_balanced_and_drawn_by_the_seed() -> None:
    first, second = samples([0, 1, 2] * 30), samples([0, 1, 2] * 5)
    spec = PairsSpec(by="class", count=9)
    pairs = pair_samples(NAMES, [first, second], spec, seed=1)
    assert first.labels is not None
    assert np.bincount(first.labels[pairs[:, 0]]).tolist() == [3, 3, 3]
    assert len({*pairs[:, 1].tolist()}) == 9  # none twice while there are others
    assert pairs.tolist() == pair_samples(NAMES, [first, second], spec, seed=1).tolist()
    assert pairs.tolist() != pair_samples(NAMES, [first, second], spec, seed=2).tolist()


def test_too_many_pairs_and_a_missing_class_are_refused() -> None:
    first, second = samples([0, 1, 2]), samples([0, 1])
    with pytest.raises(DataError, match="'sound' has no sample of the class 'c', which 'image'"):
        pair_samples(NAMES, [first, second], PairsSpec(by="class"), seed=0)
    with pytest.raises(DataError, match=r"`pairs\.count` is 4, but the largest modality"):
        pair_samples(NAMES, [first, first], PairsSpec(by="class", count=4), seed=0)
    with pytest.raises(DataError, match=r"`pairs\.count` is 4, but image and sound have 3 pairs"):
        pair_samples(NAMES, [first, first], PairsSpec(by="order", count=4), seed=0)


def test_only_pairs_with_both_sides_kept_are_kept() -> None:
    pairs = np.array([[0, 2], [1, 1], [3, 0]])
    kept = [np.array([0, 3]), np.array([0, 1])]
    assert both_in(pairs, kept).tolist() == [[1, 0]]
    assert both_in(pairs[:0], kept).shape == (0, 2)

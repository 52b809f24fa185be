import numpy as np
from sklearn.datasets import load_digits

from featlearn.datasets.embedded import open_digits, open_photographs


def test_digits_are_those_of_scikit_learn_with_the_last_500_for_test() -> None:
    splits = open_digits()
    assert splits.test is not None
    assert (splits.train.count, splits.test.count) == (1297, 500)
    assert isinstance(splits.train.images, np.ndarray)
    assert isinstance(splits.test.images, np.ndarray)
    values, targets = load_digits(return_X_y=True)
    images = np.concatenate([splits.train.images, splits.test.images])
    assert images.dtype == np.uint8
    assert images.shape == (1797, 1, 8, 8)
    np.testing.assert_array_equal(np.rint(images.reshape(1797, 64) * (16 / 255)), values)
    assert images.max() == 255
    labels = (splits.train.labels, splits.test.labels)
    assert labels[0] is not None
    assert labels[1] is not None
    np.testing.assert_array_equal(np.concatenate([labels[0], labels[1]]), targets)


def test_photographs_are_two_in_colour_without_labels() -> None:
    splits = open_photographs()
    assert splits.test is None
    assert not splits.divisible
    assert splits.train.ids == ("china.jpg", "flower.jpg")
    assert isinstance(splits.train.images, np.ndarray)
    assert splits.train.images.shape == (2, 3, 427, 640)
    # The flower is red on green, whichever way the maps were turned.
    red, green, blue = splits.train.images[1, :, 180:240, 280:340].reshape(3, -1).mean(axis=1)
    assert red > green
    assert red > 1.5 * blue

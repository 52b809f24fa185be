import numpy as np
import pytest
import torch

from featlearn.datasets.tensors import as_images, as_tensor
from featlearn.errors import ShapeError


def test_shares_memory_where_it_may_be_written() -> None:
    array = np.zeros(3, np.float32)
    as_tensor(array)[1] = 5
    assert array.tolist() == [0, 5, 0]


def test_copies_what_is_read_only() -> None:
    array = np.arange(3)
    array.flags.writeable = False
    tensor = as_tensor(array)
    tensor[0] = 9
    assert array.tolist() == [0, 1, 2]
    assert tensor.tolist() == [9, 1, 2]


@pytest.mark.parametrize("dtype", [">f4", ">i8", ">f8"])
def test_takes_the_other_byte_order(dtype: str) -> None:
    assert as_tensor(np.array([1, 2, 258], dtype)).tolist() == [1, 2, 258]


def test_takes_views_that_run_backwards() -> None:
    assert as_tensor(np.arange(4)[::-1]).tolist() == [3, 2, 1, 0]


def test_bytes_become_unit_floats() -> None:
    images = as_images(np.array([0, 51, 255], np.uint8))
    assert images.dtype == torch.float32
    torch.testing.assert_close(images, torch.tensor([0, 0.2, 1]))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_pass_as_they_are(dtype: type[np.floating]) -> None:
    images = as_images(np.array([-2.5, 0.5, 7], dtype))
    assert images.dtype == torch.float32
    assert images.tolist() == [-2.5, 0.5, 7]


def test_images_of_integers_are_refused() -> None:
    with pytest.raises(ShapeError, match="got int64"):
        as_images(np.array([1, 2]))

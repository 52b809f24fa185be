"""Images on the way to a device."""

import numpy as np
import pytest
import torch

from featlearn.datasets.imageset import ImageSet
from featlearn.geometry import MapShape
from featlearn.training.pictures import Pictures


@pytest.fixture
def pictures() -> Pictures:
    images = np.arange(10 * 6, dtype=np.uint8).reshape(10, 1, 2, 3)
    return Pictures(ImageSet(images, None, (), None, "some"), torch.device("cpu"))


def test_batches_go_through_the_images_in_order(pictures: Pictures) -> None:
    whole = torch.cat(list(pictures.batches(4)))
    assert [len(batch) for batch in pictures.batches(4)] == [4, 4, 2]
    assert torch.equal(whole, torch.arange(60).reshape(10, 1, 2, 3) / 255)
    assert torch.equal(torch.cat(list(pictures.batches(4, limit=5))), whole[:5])
    assert torch.equal(torch.cat(list(pictures.batches(4, limit=50))), whole)
    assert pictures.shape == MapShape(1, 2, 3)


@pytest.mark.parametrize("rows", [[7, 2], np.array([7, 2]), torch.tensor([7, 2])])
def test_rows_come_in_the_order_asked_for(pictures: Pictures, rows: list[int]) -> None:
    assert torch.equal(pictures.at(rows)[:, 0, 0, 0] * 255, torch.tensor([42.0, 12.0]))


def test_a_sample_has_different_images_and_follows_its_generator(pictures: Pictures) -> None:
    def draw(seed: int) -> list[float]:
        sample = pictures.sample(4, torch.Generator().manual_seed(seed))
        return (sample.at(range(len(sample)))[:, 0, 0, 0] * 255 / 6).round().tolist()

    assert draw(1) == draw(1) == sorted(set(draw(1)))
    assert len(draw(1)) == 4
    assert draw(1) != draw(2)
    assert pictures.sample(10, torch.Generator()) is pictures

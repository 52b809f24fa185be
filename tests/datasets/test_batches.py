import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featlearn.datasets.batches import batches_of, epoch_order
from featlearn.errors import ShapeError


@settings(deadline=None)
@given(n=st.integers(0, 200), seed=st.integers(0, 2**63), epoch=st.integers(0, 100))
def test_an_order_is_a_permutation_and_the_same_each_time(n: int, seed: int, epoch: int) -> None:
    order = epoch_order(n, seed=seed, epoch=epoch)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(n))
    assert order.tolist() == epoch_order(n, seed=seed, epoch=epoch).tolist()


def test_every_seed_and_epoch_has_an_order_of_its_own() -> None:
    orders = {
        tuple(epoch_order(20, seed=seed, epoch=epoch).tolist())
        for seed in range(5)
        for epoch in range(5)
    }
    assert len(orders) == 25


@settings(deadline=None)
@given(n=st.integers(1, 60), batch=st.integers(1, 20))
def test_batches_are_the_order_in_pieces(n: int, batch: int) -> None:
    cuts = batches_of(n, batch=batch, seed=3, epoch=4)
    dropped = int(n % batch == 1 and n > batch > 1)
    flat = [int(place) for cut in cuts for place in cut]
    assert flat == epoch_order(n, seed=3, epoch=4).tolist()[: n - dropped]
    assert all(len(cut) == batch for cut in cuts[:-1])
    assert 1 <= len(cuts[-1]) <= batch
    assert len(cuts) == 1 or batch == 1 or len(cuts[-1]) > 1


def test_an_image_left_out_of_one_epoch_is_in_another() -> None:
    seen = {
        int(place)
        for epoch in range(10)
        for cut in batches_of(5, batch=4, seed=0, epoch=epoch)
        for place in cut
    }
    assert seen == set(range(5))


def test_no_images_make_no_batches() -> None:
    assert batches_of(0, batch=4, seed=0, epoch=0) == []


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(ShapeError, match="at least one image; got 0"):
        batches_of(5, batch=0, seed=0, epoch=0)

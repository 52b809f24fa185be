"""The speed of matrix products is what a clock says of them."""

import time

import pytest
import torch

from featlearn.workflows import speed as module
from featlearn.workflows.speed import product_speed


def test_is_the_work_over_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A product is made to take 10 ms in single and 40 ms in half precision."""
    waits = {torch.float32: 0.01, torch.bfloat16: 0.04}

    def wait(matrix: torch.Tensor) -> None:
        assert tuple(matrix.shape) == (512, 512)
        time.sleep(waits[matrix.dtype])

    monkeypatch.setattr(module, "_multiply", wait)
    found = product_speed(torch.device("cpu"))
    assert found is not None
    assert found.side == 512
    assert found.float32 == pytest.approx(2 * 512**3 / 0.01, rel=0.1)
    assert found.bfloat16 == pytest.approx(2 * 512**3 / 0.04, rel=0.1)
    assert found.ratio == pytest.approx(0.25, rel=0.1)


def test_products_are_made() -> None:
    begun = time.perf_counter()
    found = product_speed(torch.device("cpu"))
    taken = time.perf_counter() - begun
    assert found is not None
    assert found.ratio == pytest.approx(found.bfloat16 / found.float32)
    # Of each kind one product is made before the clock runs, and one at least after.
    assert 2 * 512**3 / found.float32 + 2 * 512**3 / found.bfloat16 < taken


def test_a_device_that_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(matrix: torch.Tensor) -> None:
        raise RuntimeError("not implemented for 'BFloat16'")

    monkeypatch.setattr(module, "_multiply", refuse)
    assert product_speed(torch.device("cpu")) is None


@pytest.mark.gpu
def test_a_gpu_is_waited_for() -> None:
    found = product_speed(torch.device("cuda"))
    assert found is not None
    assert 1e9 < found.float32 < 1e16
    assert found.ratio > 1

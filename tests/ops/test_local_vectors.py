"""The ways that generated kernels go at sizes too large for a test, taken at small ones."""

from collections.abc import Callable, Iterator

import pytest
import torch

from featlearn.ops import local_plain, local_vectors

pytest.importorskip("llvmlite", reason="needs the extra `fast`")

from featlearn.ops.kernels import local_forward, local_transpose, run_gradient
from featlearn.ops.kernels.emitter import Emitter, Value
from featlearn.ops.kernels.geometry import Local
from featlearn.ops.kernels.target import Target, host, number
from featlearn.ops.kernels.turned import turned_kernel
from tests.ops.closeness import operands

SIZES = [
    Local(128, 9, 7, 3, 5, 4, 3, 1),  # several vectors of the batch, and parts of it
    Local(101, 9, 7, 2, 9, 4, 3, 2),  # of which the last is cut
    Local(host().vector_bytes // 4, 23, 9, 3, 4, 6, 6, 1),  # exactly one in single precision
    Local(host().vector_bytes // 4, 23, 9, 2, 16, 6, 8, 3),
    Local(host().vector_bytes // 8, 23, 9, 3, 8, 6, 6, 1),  # and in double
    Local(host().vector_bytes // 8, 23, 12, 1, 8, 2, 2, 5),  # whose strides leave inputs out
    Local(3, 9, 30, 2, 17, 4, 27, 1),  # less than one
    Local(40, 8, 8, 1, 2, 8, 8, 1),  # one position
]
DTYPES = [torch.float32, torch.float64]


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Compile anew in every test, leave nothing compiled for another, and fill memory with NaN."""
    torch.use_deterministic_algorithms(True)
    kept = (local_vectors._forward, local_vectors._transpose, local_vectors._gradient)
    for cache in kept:
        cache.cache_clear()
    yield
    torch.use_deterministic_algorithms(False)
    for cache in kept:
        cache.cache_clear()


def alike(compute: Callable[[], torch.Tensor]) -> torch.Tensor:
    """Compute on one thread and on three, and give what is the same."""
    found: list[torch.Tensor] = []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        found.append(compute())
    assert torch.equal(*found)
    return found[0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", SIZES)
def test_a_window_larger_than_the_cache_is_seen_in_parts_of_the_batch(
    sizes: Local, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_forward, "_MOST_WINDOW", 0)
    x, weight, bias, _ = operands(sizes, dtype)
    for own in (bias, None):
        found = alike(lambda own=own: local_vectors.local(x, weight, own, sizes))
        torch.testing.assert_close(found, local_plain.local(x, weight, own, sizes.stride))
    parts = local_forward.parts_of(sizes, number(x.itemsize, host()), host())
    assert sum(parts) == sizes.batch
    assert len(parts) > 1 or sizes.batch < 101


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("most", [0, 5_000, 20_000, 2**20])
@pytest.mark.parametrize("sizes", SIZES)
def test_bands_of_any_height_are_filled(
    sizes: Local, most: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_transpose, "_MOST_SUMS", most)
    _, weight, _, codes = operands(sizes, dtype)
    expected = local_plain.transpose(codes, weight, sizes.height, sizes.width, sizes.stride)
    found = alike(lambda: local_vectors.transpose(codes, weight, sizes))
    # Of up to 1836 products each, added in another order.
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("large", [0, 2**26])
@pytest.mark.parametrize("sizes", SIZES)
def test_gradients_along_the_rows_of_kernels(
    sizes: Local, large: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_gradient, "_MOST_WASTE", 100)
    monkeypatch.setattr(run_gradient, "_LARGE", large)
    past_caches: list[int] = []
    copy = Emitter.copy_past_caches

    def spy(emit: Emitter, source: Value, target: Value, count: int) -> None:
        past_caches.append(count)
        copy(emit, source, target, count)

    monkeypatch.setattr(Emitter, "copy_past_caches", spy)
    x, weight, _, codes = operands(sizes, dtype)
    weight.requires_grad_()
    (expected,) = torch.autograd.grad(
        local_plain.local(x, weight, None, sizes.stride), weight, codes
    )
    found = alike(lambda: local_vectors.gradient(x, codes, sizes))
    torch.testing.assert_close(found, expected)
    each = sizes.maps * sizes.filter
    in_vectors = each * x.itemsize % host().vector_bytes == 0
    assert past_caches == ([each] if in_vectors and not large else [])


@pytest.mark.parametrize("most", [5_000, 2**20])
@pytest.mark.parametrize("sizes", SIZES)
def test_weights_in_bfloat16_are_those_that_they_stand_for(
    sizes: Local, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_transpose, "_MOST_SUMS", most)
    x, weight, bias, codes = operands(sizes, torch.float32)
    half = weight.bfloat16()
    whole = half.float()
    for own in (bias, None):
        found = alike(lambda own=own: local_vectors.local(x, half, own, sizes))
        assert torch.equal(found, local_vectors.local(x, whole, own, sizes))
    found = alike(lambda: local_vectors.transpose(codes, half, sizes))
    assert torch.equal(found, local_vectors.transpose(codes, whole, sizes))


def test_rows_of_kernels_that_would_leave_vectors_empty_share_them() -> None:
    def fills(kernel_width: int, channels: int) -> bool:
        sizes = Local(4, 9, 99, channels, 2, 3, kernel_width, 1)
        return run_gradient.fills_vectors(sizes, number(4, Target(64, 32, "")))

    assert [fills(*one) for one in ((16, 1), (18, 3), (7, 1), (8, 3))] == [True, True, False, False]


@pytest.mark.parametrize("vector_bytes", [16, 32, host().vector_bytes])
def test_turned_lines(vector_bytes: int) -> None:
    target = Target(vector_bytes, 16, host().features)
    for length, batch in ((8, 16), (5, 3), (33, 17), (1, 1)):
        x = torch.randn(3, length, batch)
        found = torch.full((3, batch, length), torch.nan)
        turned_kernel(3, length, batch, number(4, target), target)(x, found)
        assert torch.equal(found, x.transpose(1, 2))


def test_a_line_that_no_thread_can_keep_is_left_to_the_plain_products(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(local_transpose, "_MOST_LINE", 1000)
    sizes, kind = SIZES[0], number(4, host())
    _, weight, _, codes = operands(sizes, torch.float32)
    assert not local_transpose.fits(sizes, kind, host())
    expected = local_plain.transpose(codes, weight, sizes.height, sizes.width, sizes.stride)
    assert torch.equal(local_vectors.transpose(codes, weight, sizes), expected)
    half = weight.bfloat16()
    found = local_vectors.transpose(codes, half, sizes)
    assert torch.equal(found, local_vectors.transpose(codes, half.float(), sizes))

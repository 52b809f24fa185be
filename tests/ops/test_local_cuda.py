"""On CUDA devices: the layer, pooling and contrast against the processor, in every precision."""

import functools
from collections.abc import Callable, Iterator

import pytest
import torch

from featlearn.geometry import Padding
from featlearn.ops import local_cuda, local_plain
from featlearn.ops.lcn import Window, lcn
from featlearn.ops.local import local2d, local_transpose2d
from featlearn.ops.pool import l2_pool
from tests.ops.closeness import excess

DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
ERRORS = {
    torch.float64: 1e-10,
    torch.float32: 2e-4,
    torch.bfloat16: 2**-5,
    torch.float16: 2**-7,
}
Function = Callable[..., torch.Tensor]

LAYERS = {
    "few maps": ((5, 3, 9, 8), (7, 6, 4, 3, 3, 3), 1),
    "strided": ((17, 2, 11, 12), (4, 5, 9, 2, 4, 3), 2),
    "one position": ((33, 4, 5, 5), (1, 1, 17, 4, 5, 5), 1),
    "beyond the kernel": ((3, 1, 10, 10), (3, 3, 2, 1, 2, 2), 4),
    "wide": ((64, 8, 24, 24), (7, 7, 8, 8, 18, 18), 1),
    "nothing": ((0, 3, 9, 8), (7, 6, 4, 3, 3, 3), 1),
}


@pytest.fixture
def rounded_products() -> Iterator[None]:
    """Let torch round single precision to TF32."""
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    yield
    torch.backends.cuda.matmul.fp32_precision = "none"


def draws(*shapes: tuple[int, ...]) -> list[torch.Tensor]:
    """Draw numbers that half precision holds exactly."""
    draw = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=draw).bfloat16().double() for shape in shapes]


def slopes(function: Function, given: list[torch.Tensor]) -> list[torch.Tensor]:
    """Give what a function gives, and its first and second derivatives by what it is given."""
    given = [t.detach().requires_grad_() for t in given]
    exact = torch.promote_types(given[0].dtype, torch.float32)
    y = function(*given)
    first = torch.autograd.grad(y, given, torch.ones_like(y), create_graph=True)
    # Less than one of it, which the derivative by the largest weights would carry beyond float16.
    energy = functools.reduce(torch.add, [t.to(exact).square().sum() for t in first]) / 64
    # What is linear in one of them has no second derivative by it.
    second = torch.autograd.grad(energy, given, allow_unused=True, materialize_grads=True)
    return [t.detach() for t in (y, *first, *second)]


def worst(function: Function, given: list[torch.Tensor], dtype: torch.dtype) -> float:
    """Compare with double precision on the processor: at most 1 is as exact as may be.

    A second time must give the same bytes.
    """
    there = [t.to("cuda", dtype) for t in given]
    ours, again = slopes(function, there), slopes(function, there)
    found: list[float] = []
    for one, other, exact in zip(ours, again, slopes(function, given), strict=True):
        assert one.dtype == dtype
        assert one.is_cuda
        assert torch.equal(one, other)
        size = exact.abs().max().item() if exact.numel() else 0.0
        error = ERRORS[dtype]
        found.append(excess(one, exact, rtol=error, atol=error * max(size, 1)))
    return max(found)


@pytest.mark.gpu
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("triton", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LAYERS)
def test_the_layer_and_its_derivatives_are_those_of_the_processor(
    name: str, dtype: torch.dtype, triton: bool, transposed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if triton and not local_cuda.INSTALLED:
        pytest.skip("needs Triton")
    monkeypatch.setattr(local_cuda, "INSTALLED", triton)
    x, weight, stride = LAYERS[name]
    if transposed:
        layer = functools.partial(local_transpose2d, size=(x[2], x[3]), stride=stride)
        given = draws((x[0], weight[2], *weight[:2]), weight)
    else:
        layer = functools.partial(local2d, stride=stride)
        given = [*draws(x, weight), *draws(weight[:3])]
    assert worst(layer, given, dtype) <= 1


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_single_precision_may_be_rounded_as_torch_rounds_it(
    dtype: torch.dtype, rounded_products: None
) -> None:
    x, weight = (t.to("cuda", dtype) for t in draws((64, 8, 24, 24), (7, 7, 8, 8, 18, 18)))
    planes, filters = x.permute(2, 3, 1, 0).double(), weight.permute(0, 1, 2, 4, 5, 3).double()
    exact = local_plain.local(planes, filters, None, 1).permute(3, 2, 0, 1)
    error = (local2d(x, weight).double() - exact).abs().max() / exact.abs().max()
    assert error < 2**-7


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("size", "stride"), [(5, 1), (2, 2), (3, 2)])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_pooling_is_that_of_the_processor(
    size: int, stride: int, padding: Padding, dtype: torch.dtype
) -> None:
    pool = functools.partial(l2_pool, size=size, stride=stride, padding=padding, eps=1e-2)
    assert worst(pool, draws((9, 3, 13, 11)), dtype) <= 1


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("window", ["box", "gaussian"])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_contrast_is_that_of_the_processor(
    window: Window, padding: Padding, dtype: torch.dtype
) -> None:
    normalise = functools.partial(lcn, size=5, padding=padding, window=window, constant=0.5)
    assert worst(normalise, draws((9, 3, 13, 11)), dtype) <= 1


@pytest.mark.gpu
def test_mixed_precision_multiplies_and_gives_the_lower() -> None:
    x, weight = (t.float().cuda() for t in draws((5, 3, 9, 8), (7, 6, 4, 3, 3, 3)))
    with torch.autocast("cuda", torch.bfloat16):
        y = local2d(x, weight)
    assert y.dtype == torch.bfloat16
    exact = local2d(x.cpu().double(), weight.cpu().double())
    torch.testing.assert_close(y.cpu().double(), exact, rtol=2**-5, atol=2**-5 * 16)


@pytest.mark.gpu
@pytest.mark.filterwarnings(  # of torch's compiler, about itself
    "ignore:.*should not be instantiated.*:DeprecationWarning",
    "ignore:.*torch.jit.script_method.*:DeprecationWarning",
)
def test_compiled_it_is_the_same() -> None:
    x, weight = (t.float().cuda() for t in draws((5, 3, 9, 8), (7, 6, 4, 3, 3, 3)))
    own = weight.requires_grad_()
    compiled = torch.compile(local2d, fullgraph=True)
    ours, plain = (
        (y, *torch.autograd.grad(y.square().sum(), own))
        for y in (compiled(x, own), local2d(x, own))
    )
    for one, other in zip(ours, plain, strict=True):
        torch.testing.assert_close(one, other)

"""How far results are from what they should be, and operands of a locally connected layer."""

import torch

from featlearn.ops.kernels.geometry import Local

Operands = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def excess(found: torch.Tensor, exact: torch.Tensor, *, rtol: float, atol: float) -> float:
    """Give how many times as far apart as may be the furthest two are; infinite where one is NaN.

    Args:
        found: A result.
        exact: What it should be, in double precision.
        rtol: How far apart they may be, as a share of what it should be.
        atol: And beside that.
    """
    assert found.shape == exact.shape
    if not exact.numel():
        return 0.0
    apart = (found.detach().cpu().double() - exact).abs() / (atol + rtol * exact.abs())
    return torch.nan_to_num(apart, nan=torch.inf).max().item()


def operands(sizes: Local, dtype: torch.dtype = torch.float64) -> Operands:
    """Make planes, weights, biases and codes that go together, as the kernels read them."""
    draw = torch.Generator().manual_seed(0)
    grid, kernel = (sizes.rows, sizes.columns), (sizes.kernel_height, sizes.kernel_width)
    shapes = [
        (sizes.height, sizes.width, sizes.channels, sizes.batch),
        (*grid, sizes.maps, *kernel, sizes.channels),
        (*grid, sizes.maps),
        (*grid, sizes.maps, sizes.batch),
    ]
    x, weight, bias, codes = (torch.randn(s, generator=draw).to(dtype) for s in shapes)
    return x, weight, bias, codes

"""Division of responses by their local deviation, by kernels.

On a processor they are generated, on a CUDA device they are Triton's.

Responses lie as `(rows, columns, maps, batch)`, deviations likewise, with one for all maps of a
position where these share it, and least divisors as `(batch,)`.
"""

import functools
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.library import custom_op

if TYPE_CHECKING:
    from featlearn.ops.kernels.compiler import Kernel
    from featlearn.ops.kernels.contrast import Contrast


def plain(v: Tensor, s: Tensor, least: Tensor) -> Tensor:
    """Compute v / max(least, s) by operations of torch."""
    # max(c, s) as c + relu(s - c), whose derivative is cheaper.
    return v / (least + torch.relu(s - least))


@custom_op("featlearn::contrast", mutates_args=(), device_types="cpu")
def contrast(v: Tensor, s: Tensor, least: Tensor) -> Tensor:
    """Compute v / max(least, s)."""
    y = torch.empty_like(v)
    if v.numel():
        _quotient(_sizes(v, s), v.itemsize)(v, s, least, y)
    return y


@custom_op("featlearn::contrast_slopes", mutates_args=(), device_types="cpu")
def contrast_slopes(
    slope: Tensor, y: Tensor, s: Tensor, least: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the derivative of `contrast` by all that it takes, from its result `y`."""
    of_v, of_s = torch.empty_like(y), torch.empty_like(s)
    of_least = least.new_empty(y.shape[0], *least.shape)
    if not y.numel():
        return of_v, of_s, torch.zeros_like(least)
    _slopes(_sizes(y, s), y.itemsize)(slope, y, s, least, of_v, of_s, of_least)
    return of_v, of_s, of_least.sum(0)


def _sizes(v: Tensor, s: Tensor) -> "Contrast":
    from featlearn.ops.kernels.contrast import Contrast

    assert s.shape in {v.shape, (*v.shape[:2], 1, v.shape[3])}
    return Contrast(*v.shape, shared=s.shape != v.shape)


@functools.lru_cache(maxsize=512)
def _quotient(sizes: "Contrast", itemsize: int) -> "Kernel":
    from featlearn.ops.kernels.contrast import quotient_kernel
    from featlearn.ops.kernels.target import host, number

    return quotient_kernel(sizes, number(itemsize, host()), host())


@functools.lru_cache(maxsize=512)
def _slopes(sizes: "Contrast", itemsize: int) -> "Kernel":
    from featlearn.ops.kernels.contrast import slopes_kernel
    from featlearn.ops.kernels.target import host, number

    return slopes_kernel(sizes, number(itemsize, host()), host())


@contrast.register_fake
def _(v: Tensor, s: Tensor, least: Tensor) -> Tensor:
    return torch.empty_like(v)


@contrast_slopes.register_fake
def _(slope: Tensor, y: Tensor, s: Tensor, least: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(y), torch.empty_like(s), torch.empty_like(least)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    v, s, least = inputs
    ctx.save_for_backward(v, s, least, output)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    v, s, least, y = ctx.saved_tensors
    if not torch.is_grad_enabled():
        return contrast_slopes(grad.contiguous(), y, s, least)
    # Someone will differentiate what comes out of here.
    above = s > least
    own = grad / torch.where(above, s, least)
    taken = -own * v / torch.where(above, s, least)
    zero = taken.new_zeros(())
    of_s = torch.where(above, taken, zero)
    of_least = torch.where(above, zero, taken).sum((0, 1, 2))
    return own, of_s.sum(2, keepdim=True) if s.shape != v.shape else of_s, of_least


contrast.register_autograd(_backward, setup_context=_keep)


def _contrast_on_cuda(v: Tensor, s: Tensor, least: Tensor) -> Tensor:
    from featlearn.ops.triton.contrast import quotient

    return quotient(v.contiguous(), s.contiguous(), least.contiguous())


def _slopes_on_cuda(
    slope: Tensor, y: Tensor, s: Tensor, least: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    from featlearn.ops.triton.contrast import slopes

    return slopes(slope.contiguous(), y.contiguous(), s.contiguous(), least.contiguous())


contrast.register_kernel("cuda")(_contrast_on_cuda)
contrast_slopes.register_kernel("cuda")(_slopes_on_cuda)

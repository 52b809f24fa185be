"""Other ways to compute a locally connected layer: what people write, and other libraries."""

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any, Literal

import torch
import torch.nn.functional as F
from local_shapes import Shape
from torch import Tensor

from featlearn.ops import local_plain

Pass = Literal["forward", "forward+backward", "transpose"]
_LARGEST_DENSE = 2**28  # numbers of a dense matrix
_MOST_POSITIONS = 4096
PEERS = (
    "unfold+einsum",
    "unfold+bmm",
    "grouped convolution",
    "torch.compile",
    "jax",
    "keras 2",
)


def peer(
    name: str, shape: Shape, precision: torch.dtype, kind: Pass, device: torch.device
) -> Callable[[], object] | None:
    """Give one pass of a peer; `None` where it is not installed, or has no such pass."""
    match name:
        case "jax":
            return _jax(shape, precision, kind, device)
        case "keras 2":
            return _keras(shape, precision, kind, device)
        case "torch.compile":
            # Else, after eight shapes, it no longer compiles and says nothing.
            torch.compiler.reset()
            if kind == "transpose":
                return None
            return _torch(_compiled, shape, precision, kind, device)
        case _ if kind == "transpose":
            return _folded(name, shape, precision, device)
        case _:
            return _torch(_LAYERS[name], shape, precision, kind, device)


def _einsum(shape: Shape, x: Tensor, weight: Tensor) -> Tensor:
    cols = F.unfold(x, shape.kernel, stride=shape.stride)
    return torch.einsum("nkp,pfk->nfp", cols, weight)


def _bmm(shape: Shape, x: Tensor, weight: Tensor) -> Tensor:
    cols = F.unfold(x, shape.kernel, stride=shape.stride).permute(2, 1, 0)
    return torch.bmm(weight, cols).permute(2, 1, 0)


def _grouped(shape: Shape, x: Tensor, weight: Tensor) -> Tensor:
    cols = F.unfold(x, shape.kernel, stride=shape.stride).permute(0, 2, 1)
    filters = weight.reshape(-1, weight.shape[2], 1)
    return F.conv1d(cols.reshape(shape.batch, -1, 1), filters, groups=weight.shape[0])


def _plain(shape: Shape, x: Tensor, weight: Tensor) -> Tensor:
    rows, kernel = shape.rows, shape.kernel
    filters = weight.view(rows, rows, shape.maps, kernel, kernel, shape.channels)
    return local_plain.local(x.permute(2, 3, 1, 0), filters, None, shape.stride)


_LAYERS: dict[str, Callable[[Shape, Tensor, Tensor], Tensor]] = {
    "unfold+einsum": _einsum,
    "unfold+bmm": _bmm,
    "grouped convolution": _grouped,
}
_compiled = torch.compile(_plain, dynamic=False)


def _torch(
    layer: Callable[[Shape, Tensor, Tensor], Tensor],
    shape: Shape,
    precision: torch.dtype,
    kind: Pass,
    device: torch.device,
) -> Callable[[], object]:
    """Give a pass in torch, over planes laid out as the layer takes them."""
    planes = (shape.batch, shape.channels, shape.height, shape.height)
    x = torch.randn(planes, device=device).to(precision)
    if layer is _compiled:
        x = x.permute(2, 3, 1, 0).contiguous().permute(3, 2, 0, 1)
    window = shape.channels * shape.kernel**2
    weight = torch.randn(shape.rows**2, shape.maps, window, device=device).to(precision)
    if kind == "forward":
        return torch.no_grad()(lambda: layer(shape, x, weight))
    x.requires_grad_()
    weight.requires_grad_()
    slope = torch.ones_like(layer(shape, x, weight))
    return lambda: torch.autograd.grad(layer(shape, x, weight), [x, weight], slope)


def _folded(
    name: str, shape: Shape, precision: torch.dtype, device: torch.device
) -> Callable[[], object] | None:
    """Give the transpose by a product and `fold`."""
    if name not in ("unfold+einsum", "unfold+bmm"):
        return None
    window, positions = shape.channels * shape.kernel**2, shape.rows**2
    weight = torch.randn(positions, shape.maps, window, device=device).to(precision)
    codes = torch.randn(shape.batch, shape.maps, positions, device=device).to(precision)

    def fold(cols: Tensor) -> Tensor:
        return F.fold(cols, (shape.height, shape.height), shape.kernel, stride=shape.stride)

    if name == "unfold+einsum":
        return lambda: fold(torch.einsum("nfp,pfk->nkp", codes, weight))
    return lambda: fold(torch.bmm(weight.transpose(1, 2), codes.permute(2, 1, 0)).permute(2, 1, 0))


def _jax(
    shape: Shape, precision: torch.dtype, kind: Pass, device: torch.device
) -> Callable[[], object] | None:
    """Give a pass of JAX's `conv_general_dilated_local`, compiled."""
    if importlib.util.find_spec("jax") is None or kind == "transpose":
        return None
    jax = importlib.import_module("jax")
    _check_place("gpu" if device.type == "cuda" else "cpu", jax.default_backend())
    jnp = importlib.import_module("jax.numpy")
    dtype = jnp.bfloat16 if precision == torch.bfloat16 else jnp.float32
    key = jax.random.key(0)
    window = shape.channels * shape.kernel**2
    x = jax.random.normal(
        key, (shape.batch, shape.channels, shape.height, shape.height), dtype=dtype
    )
    weight = jax.random.normal(key, (shape.maps, window, shape.rows, shape.rows), dtype=dtype)

    def layer(x: Any, weight: Any) -> Any:
        return jax.lax.conv_general_dilated_local(
            x, weight, (shape.stride,) * 2, "VALID", (shape.kernel,) * 2
        )

    if kind == "forward":
        run = jax.jit(layer)
    else:

        def both(x: Any, weight: Any) -> Any:
            y, back = jax.vjp(layer, x, weight)
            return back(jnp.ones_like(y))

        run = jax.jit(both)
    return lambda: jax.block_until_ready(run(x, weight))


def _check_place(wanted: str, found: str) -> None:
    """Refuse a peer that would compute elsewhere."""
    if found != wanted:
        raise ValueError(f"it computes on the {found}, and this is measured on the {wanted}")


def _keras(
    shape: Shape, precision: torch.dtype, kind: Pass, device: torch.device
) -> Callable[[], object] | None:
    """Give a pass of Keras 2's layer, in the best of its modes, compiled."""
    if importlib.util.find_spec("tf_keras") is None or kind == "transpose":
        return None
    tf = importlib.import_module("tensorflow")
    there = "gpu" if tf.config.list_physical_devices("GPU") else "cpu"
    _check_place("gpu" if device.type == "cuda" else "cpu", there)
    keras = importlib.import_module("tf_keras")
    dtype = tf.bfloat16 if precision == torch.bfloat16 else tf.float32
    x = tf.random.normal((shape.batch, shape.height, shape.height, shape.channels), dtype=dtype)
    # Its first mode writes a slice and a product of every position into its graph, and takes an
    # hour over tens of thousands; its second keeps the whole dense matrix.
    dense = shape.height**2 * shape.channels * shape.rows**2 * shape.maps
    if dense >= _LARGEST_DENSE and shape.rows**2 > _MOST_POSITIONS:
        raise ValueError(f"{shape.rows**2} positions, each written into the graph")
    layer = keras.layers.LocallyConnected2D(
        shape.maps,
        shape.kernel,
        strides=shape.stride,
        use_bias=False,
        implementation=2 if dense < _LARGEST_DENSE else 1,
        dtype=dtype.name,
    )
    layer(x)

    def forward() -> Any:
        return layer(x)

    def both() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        return tape.gradient(y, [x, *layer.trainable_weights])

    return tf.function(forward if kind == "forward" else both)

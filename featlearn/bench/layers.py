"""How fast each kind of layer is here, forward and in training."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec
import torch
from torch import Tensor, nn

from featlearn.bench.machine import PRECISIONS, Machine, measure_machine
from featlearn.bench.timing import in_turns
from featlearn.config.banks import BankSpec, ConvSpec, DenseSpec, LocalSpec, TiledSpec
from featlearn.config.pieces import L2PoolSpec, LCNSpec
from featlearn.geometry import MapShape
from featlearn.ops.planes import batch_innermost
from featlearn.stages.filter import Filter
from featlearn.stages.filters import build_filter
from featlearn.stages.norm import build_norm
from featlearn.stages.pool import build_pool

BATCH = 128


class LayerSpeed(msgspec.Struct, frozen=True, kw_only=True):
    """One layer in one precision.

    Attributes:
        layer: What it is.
        input: Shape of a sample.
        dtype: `float32` or `bfloat16`.
        forward_ms: Thousandths of a second for a batch, forward.
        training_ms: The same, forward and backward by input and weights.
        images_s: Samples a second, in training.
        gflops: 10⁹ operations a second in training, counted as three products; `None` where
            a layer does not multiply by weights.
        fraction_of_best: Of what the machine does at best: of its products in this precision,
            or where a layer does not multiply by weights of its copies.
        gb_s: 10⁹ bytes a second in training, if its input, output and their gradients moved
            once each; `None` where a layer has weights.
    """

    layer: str
    input: str
    dtype: str
    forward_ms: float
    training_ms: float
    images_s: float
    gflops: float | None = None
    fraction_of_best: float | None = None
    gb_s: float | None = None


class Speeds(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine does.

    Attributes:
        machine: At best.
        batch: Samples in a batch.
        layers: Layer by layer.
    """

    machine: Machine
    batch: int
    layers: list[LayerSpeed]


class Case(NamedTuple):
    """A layer to measure, over samples of a shape."""

    name: str
    shape: MapShape
    build: Callable[[MapShape], nn.Module]


def _filter(spec: BankSpec) -> Callable[[MapShape], nn.Module]:
    return lambda shape: build_filter(spec, shape, generator=torch.Generator().manual_seed(0))


CASES = (
    Case("dense, 1000 units", MapShape(1, 28, 28), _filter(DenseSpec(maps=1000))),
    Case("conv 5x5, 32 maps", MapShape(16, 24, 24), _filter(ConvSpec(size=5, maps=32))),
    Case(
        "tiled 5x5, tile 2, 32 maps",
        MapShape(16, 24, 24),
        _filter(TiledSpec(size=5, maps=32, tile=2)),
    ),
    Case("local 5x5, 32 maps", MapShape(16, 24, 24), _filter(LocalSpec(size=5, maps=32))),
    Case("local 7x7, 16 maps", MapShape(1, 28, 28), _filter(LocalSpec(size=7, maps=16))),
    Case("local 18x18, 8 maps", MapShape(8, 40, 40), _filter(LocalSpec(size=18, maps=8))),
    Case("L2 pooling 5x5", MapShape(8, 64, 64), lambda _: build_pool(L2PoolSpec(size=5))),
    Case("LCN 5x5", MapShape(8, 64, 64), lambda shape: build_norm(LCNSpec(size=5), shape.maps)),
)


def measure_layers(
    device: torch.device, *, rounds: int = 7, batch: int = BATCH
) -> Iterator[Machine | LayerSpeed]:
    """Measure the machine, and then layer by layer.

    Args:
        device: Where.
        rounds: Times each is measured; medians are given.
        batch: Samples in a batch.
    """
    machine = measure_machine(device, rounds=rounds)
    yield machine
    for case in CASES:
        for name in PRECISIONS:
            yield _measure(case, name, machine, device, batch=batch, rounds=rounds)


def _measure(
    case: Case, precision: str, machine: Machine, device: torch.device, *, batch: int, rounds: int
) -> LayerSpeed:
    """Measure a layer, its input laid out as the layer below would leave it."""
    dtype = PRECISIONS[precision]
    layer = case.build(case.shape).to(device=device, dtype=dtype)
    x = batch_innermost(torch.rand(batch, *case.shape, device=device).to(dtype)).requires_grad_()
    wanted = [x, *(p for p in layer.parameters() if p.ndim > 1)]
    slope = torch.ones_like(layer(x))

    @torch.no_grad()
    def forward() -> Tensor:
        return layer(x)

    def training() -> tuple[Tensor, ...]:
        return torch.autograd.grad(layer(x), wanted, slope)

    timings = in_turns({"forward": forward, "training": training}, rounds=rounds, device=device)
    seconds = timings["training"].seconds
    found = LayerSpeed(
        layer=case.name,
        input=str(case.shape),
        dtype=precision,
        forward_ms=1e3 * timings["forward"].seconds,
        training_ms=1e3 * seconds,
        images_s=batch / seconds,
    )
    if not isinstance(layer, Filter):
        moved = 2 * (x.numel() + slope.numel()) * x.itemsize / seconds / 1e9
        share = moved / machine.copy_gb_s
        return msgspec.structs.replace(found, gb_s=moved, fraction_of_best=share)
    per_sample = 2 * layer.output_shape.units * layer.weight.shape[-3:].numel()
    gflops = 3 * batch * per_sample / seconds / 1e9
    return msgspec.structs.replace(
        found, gflops=gflops, fraction_of_best=gflops / machine.best_gflops[precision]
    )

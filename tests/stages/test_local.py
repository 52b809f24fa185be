"""The public layers: shapes, adjoint, first weights, export and compilation."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from featlearn.errors import ShapeError
from featlearn.geometry import Padding
from featlearn.ops.random import generator
from featlearn.stages.local import LocallyConnected2d, LocallyConnectedTranspose2d

LAYERS = [LocallyConnected2d, LocallyConnectedTranspose2d]

# torch's compiler makes an object of a class that torch says should have none.
COMPILING = pytest.mark.filterwarnings(
    "ignore:.*should not be instantiated.*:DeprecationWarning",
    "ignore:.*torch.jit.script_method.*:DeprecationWarning",
)


class AutoEncoder(nn.Module):
    """Both layers in a row."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = LocallyConnected2d(2, 3, (6, 5), 3, generator=generator(0))
        self.decoder = LocallyConnectedTranspose2d(2, 3, (6, 5), 3, generator=generator(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.encoder(x).relu())


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "output"),
    [
        (28, 7, 1, "valid", (22, 22)),
        ((9, 6), (3, 2), 2, "valid", (4, 3)),
        ((9, 6), 4, 2, "same", (5, 3)),
    ],
)
def test_shapes(
    size: int | tuple[int, int],
    kernel: int | tuple[int, int],
    stride: int,
    padding: Padding,
    output: tuple[int, int],
) -> None:
    layer = LocallyConnected2d(2, 3, size, kernel, stride, padding)
    transpose = LocallyConnectedTranspose2d(2, 3, size, kernel, stride, padding)
    assert layer.output_size == output
    assert layer.weight.shape == transpose.weight.shape
    assert layer.weight.shape == (*output, 3, 2, *layer.kernel_size)
    assert layer.bias is not None
    assert layer.bias.shape == (*output, 3)
    assert transpose.bias is not None
    assert transpose.bias.shape == (*layer.input_size, 2)
    x = torch.randn(4, 2, *layer.input_size)
    y = layer(x)
    assert y.shape == (4, 3, *output)
    assert transpose(y).shape == x.shape
    assert y.is_contiguous()
    assert transpose(y).is_contiguous()


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_the_transpose_is_the_adjoint(stride: int, padding: Padding) -> None:
    layer = LocallyConnected2d(2, 3, (8, 7), (3, 2), stride, padding, bias=False).double()
    transpose = LocallyConnectedTranspose2d(2, 3, (8, 7), (3, 2), stride, padding, bias=False)
    transpose.double().load_state_dict(layer.state_dict())
    x = torch.randn(4, 2, 8, 7, dtype=torch.float64)
    y = layer(x)
    h = torch.randn_like(y)
    torch.testing.assert_close((y * h).sum(), (x * transpose(h)).sum())


def test_every_unit_has_its_bias() -> None:
    transpose = LocallyConnectedTranspose2d(2, 3, (6, 5), 3)
    assert transpose.bias is not None
    nn.init.normal_(transpose.bias)
    rebuilt = transpose(torch.zeros(4, 3, 4, 3))
    torch.testing.assert_close(rebuilt, transpose.bias.permute(2, 0, 1).expand_as(rebuilt))


@pytest.mark.parametrize("kind", LAYERS)
def test_a_generator_decides_the_weights(kind: type[LocallyConnected2d]) -> None:
    first, again, other = (kind(1, 4, 9, 3, generator=generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(first.weight, again.weight)
    assert not torch.equal(first.weight, other.weight)
    first.reset_parameters(generator=generator(1))
    assert torch.equal(first.weight, other.weight)


def test_a_unit_starts_with_the_variance_of_its_input() -> None:
    layer = LocallyConnected2d(4, 6, 14, 5, generator=generator(0))
    transpose = LocallyConnectedTranspose2d(4, 6, 14, 5, generator=generator(0))
    x = torch.randn(200, 4, 14, 14, generator=generator(1))
    h = torch.randn(200, 6, 10, 10, generator=generator(2))
    with torch.no_grad():
        assert float(layer(x).std()) == pytest.approx(1, rel=0.05)
        middle = transpose(h)[:, :, 5:9, 5:9]
        assert float(middle.std()) == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("kind", LAYERS)
def test_an_ordinary_module(kind: type[LocallyConnected2d]) -> None:
    layer = kind(2, 3, (6, 5), 3)
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    copied = copy.deepcopy(layer)
    x = torch.randn(2, *((2, 6, 5) if kind is LocallyConnected2d else (3, 4, 3)))
    torch.testing.assert_close(copied(x), layer(x))
    assert layer.double()(x.double()).dtype == torch.float64
    assert "2, 3, input_size=(6, 5), kernel_size=(3, 3), stride=1, padding='valid'" in repr(layer)
    assert "bias=False" in repr(kind(2, 3, (6, 5), 3, bias=False))


def test_it_learns_to_rebuild() -> None:
    model = AutoEncoder()
    x = torch.randn(8, 2, 6, 5, generator=generator(2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    losses: list[float] = []
    for _ in range(60):
        loss = (model(x) - x).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


@COMPILING
@pytest.mark.parametrize("strict", [False, True])
def test_it_can_be_exported_for_any_batch(strict: bool) -> None:
    model = AutoEncoder()
    exported = torch.export.export(
        model,
        (torch.randn(4, 2, 6, 5),),
        dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
        strict=strict,
    )
    for batch in (2, 7):
        x = torch.randn(batch, 2, 6, 5)
        torch.testing.assert_close(exported.module()(x), model(x))


@COMPILING
def test_it_can_be_compiled() -> None:
    model = AutoEncoder()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    x = torch.randn(4, 2, 6, 5, requires_grad=True)
    y = compiled(x)
    torch.testing.assert_close(y, model(x))
    expected = torch.autograd.grad(model(x).square().sum(), [x, *model.parameters()])
    gradients = torch.autograd.grad(y.square().sum(), [x, *model.parameters()])
    torch.testing.assert_close(gradients, expected)


@pytest.mark.parametrize("kind", LAYERS)
def test_an_empty_batch_passes(kind: type[LocallyConnected2d]) -> None:
    layer = kind(2, 3, 5, 3)
    planes = (2, 5, 5) if kind is LocallyConnected2d else (3, 3, 3)
    assert layer(torch.zeros(0, *planes)).shape[0] == 0


@pytest.mark.parametrize("kind", LAYERS)
def test_misuse_is_named(kind: type[LocallyConnected2d]) -> None:
    with pytest.raises(ShapeError, match="a window of 7 does not fit into 5"):
        kind(1, 1, 5, 7)
    with pytest.raises(
        ShapeError, match=f"{kind.__name__} needs at least one channel.*got 0 and 1"
    ):
        kind(0, 1, 5, 3)
    with pytest.raises(ShapeError, match='takes padding "valid" or "same"; got 1'):
        kind(1, 1, 5, 3, 1, 1)  # pyright: ignore[reportArgumentType]  # as Conv2d would
    with pytest.raises(ShapeError, match=r"got \(1, 9, 9, 9\)"):
        kind(1, 1, 5, 3)(torch.zeros(1, 9, 9, 9))


def test_a_pair_is_built_from_the_same_arguments() -> None:
    layer = LocallyConnected2d(2, 3, (7, 6), 3, generator=generator(0))
    transpose = LocallyConnectedTranspose2d(2, 3, (7, 6), 3, generator=generator(1))
    h = layer(torch.zeros(4, 2, 7, 6))
    assert h.shape == (4, 3, 5, 4)
    assert transpose(h).shape == (4, 2, 7, 6)
    assert transpose.weight.shape == layer.weight.shape
    # Swapped ones, as torch's ConvTranspose2d takes them, are refused with the shapes.
    swapped = LocallyConnectedTranspose2d(3, 2, (7, 6), 3)
    with pytest.raises(ShapeError, match="3"):
        swapped(h)


@pytest.mark.parametrize("kind", LAYERS)
def test_an_image_without_a_batch_passes(kind: type[nn.Module]) -> None:
    layer = kind(2, 3, (6, 5), 3)
    shape = (2, 6, 5) if kind is LocallyConnected2d else (3, 4, 3)
    x = torch.randn(2, *shape)
    torch.testing.assert_close(layer(x[1]), layer(x)[1])


@pytest.mark.parametrize("kind", LAYERS)
def test_device_and_precision_are_those_asked_for(kind: type[nn.Module]) -> None:
    layer = kind(2, 3, 6, 3, device="meta", dtype=torch.float64)
    assert {(p.device.type, p.dtype) for p in layer.parameters()} == {("meta", torch.float64)}


def test_what_cannot_be_is_said_in_a_sentence() -> None:
    with pytest.raises(ShapeError, match=r"has one stride for both axes; got \(2, 1\)"):
        LocallyConnected2d(3, 4, 8, 3, stride=(2, 1))  # pyright: ignore[reportArgumentType]
    with pytest.raises(ShapeError, match=r"whole numbers above 0 as kernel_size; got 3\.5"):
        LocallyConnected2d(3, 4, 8, 3.5)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ShapeError, match=r"whole numbers above 0 as input_size; got \(8, 0\)"):
        LocallyConnectedTranspose2d(3, 4, (8, 0), 3)
    with pytest.raises(ShapeError, match=r"made for 3 channels of 8x8, .*; got \(2, 3, 7, 8\)"):
        LocallyConnected2d(3, 4, 8, 3)(torch.zeros(2, 3, 7, 8))
    with pytest.raises(ShapeError, match=r"made for 4 channels of 6x6, .*; got \(4, 5, 6\)"):
        LocallyConnectedTranspose2d(3, 4, 8, 3)(torch.zeros(4, 5, 6))


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stride": True}, "whole number above 0 as stride; got True"),
        ({"stride": 1.0}, "whole number above 0 as stride; got 1.0"),
        ({"stride": (1, 2)}, r"one stride for both axes; got \(1, 2\)"),
        ({"in_channels": 2.0}, "in whole numbers; got 2.0 and 3"),
        ({"out_channels": True}, "in whole numbers; got 2 and True"),
        ({"input_size": 6.0}, "one or two whole numbers above 0 as input_size; got 6.0"),
        ({"kernel_size": (3, True)}, r"above 0 as kernel_size; got \(3, True\)"),
    ],
)
def test_numbers_of_another_type_are_refused(
    kind: type[LocallyConnected2d], changes: dict[str, Any], said: str
) -> None:
    sizes: dict[str, Any] = {
        "in_channels": 2,
        "out_channels": 3,
        "input_size": 6,
        "kernel_size": 3,
    }
    with pytest.raises(ShapeError, match=f"^{kind.__name__} .*{said}"):
        kind(**{**sizes, **changes})


@COMPILING
@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("lowered", [False, True])
def test_every_precision_can_be_compiled_whole(
    kind: type[LocallyConnected2d], dtype: torch.dtype, lowered: bool
) -> None:
    layer = kind(2, 3, 6, 3, dtype=dtype, generator=generator(0))
    shape = (2, 6, 6) if kind is LocallyConnected2d else (3, 4, 4)
    x = torch.randn(4, *shape, generator=generator(1)).to(dtype)
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=lowered):
        assert torch.equal(compiled(x), layer(x))


@pytest.mark.parametrize("kind", LAYERS)
def test_autocast_lowers_what_comes_out_with_a_bias_too(kind: type[LocallyConnected2d]) -> None:
    layer = kind(2, 3, 6, 3, generator=generator(0))
    x = torch.randn((2, 2, 6, 6) if kind is LocallyConnected2d else (2, 3, 4, 4))
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16

"""Decoders, tied and untied."""

import pytest
import torch

from featlearn.config.banks import BankSpec, ConvSpec, DenseSpec, LocalSpec
from featlearn.geometry import MapShape
from featlearn.ops.random import generator
from featlearn.stages.decoder import Decoder
from featlearn.stages.filters import build_filter

SHAPE = MapShape(2, 7, 6)
SPECS = [DenseSpec(maps=5), ConvSpec(maps=5, size=3, stride=2), LocalSpec(maps=5, size=3)]


@pytest.mark.parametrize("spec", SPECS)
def test_tied_is_the_adjoint_and_a_bias(spec: BankSpec) -> None:
    encoder = build_filter(spec, SHAPE, generator=generator(0))
    decoder = Decoder(encoder, tied=True)
    torch.nn.init.normal_(decoder.bias)
    h = torch.randn(3, *encoder.output_shape)
    torch.testing.assert_close(decoder(h, encoder), encoder.adjoint(h) + decoder.bias)
    assert list(dict(decoder.named_parameters())) == ["bias"]
    assert repr(decoder) == "Decoder(tied)"


@pytest.mark.parametrize("spec", SPECS)
def test_untied_starts_with_the_filters_weights_and_parts_from_them(spec: BankSpec) -> None:
    encoder = build_filter(spec, SHAPE, generator=generator(0))
    decoder = Decoder(encoder, tied=False)
    h = torch.randn(3, *encoder.output_shape)
    torch.testing.assert_close(decoder(h, encoder), encoder.adjoint(h))
    decoder(h, encoder).square().sum().backward()
    assert decoder.weight is not None
    assert decoder.weight.grad is not None
    assert encoder.weight.grad is None


@pytest.mark.parametrize(
    ("spec", "shape"), list(zip(SPECS, [(2, 7, 6), (2, 1, 1), (2, 7, 6)], strict=True))
)
def test_the_bias_has_the_shape_of_what_is_shared(spec: BankSpec, shape: tuple[int, ...]) -> None:
    decoder = Decoder(build_filter(spec, SHAPE, generator=generator(0)), tied=True)
    assert decoder.bias.shape == shape


def test_a_shared_decoder_rebuilds_patches() -> None:
    encoder = build_filter(ConvSpec(maps=5, size=3), SHAPE, generator=generator(0))
    decoder = Decoder(encoder, tied=False)
    assert decoder(torch.randn(4, 5, 3, 3), encoder, size=(5, 5)).shape == (4, 2, 5, 5)

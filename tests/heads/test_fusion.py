import pytest
import torch
from torch import Tensor

from featlearn.config.modalities import (
    EarlyFusionSpec,
    FusionHeadSpec,
    GatedFusionSpec,
    LateFusionSpec,
    SharedFusionSpec,
    SharedSpec,
)
from featlearn.errors import ShapeError
from featlearn.geometry import MapShape
from featlearn.heads.fusion import FusionHead
from featlearn.networks.multimodal import MultimodalNet, SharedCode
from featlearn.networks.stack import Stack

SPECS: list[FusionHeadSpec] = [
    SharedFusionSpec(),
    EarlyFusionSpec(hidden=(5,)),
    LateFusionSpec(hidden=(5,)),
    GatedFusionSpec(),
]


def net() -> MultimodalNet:
    shapes = [MapShape(1, 1, 3), MapShape(1, 1, 4)]
    shared = SharedCode(("image", "sound"), shapes, SharedSpec(code=6, hidden=()), seed=0)
    return MultimodalNet([Stack(shape, [], []) for shape in shapes], shared)


def head(spec: FusionHeadSpec) -> FusionHead:
    made = FusionHead(spec, modalities=2, code=6, classes=3, seed=0)
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draw))
    return made.eval()


def codes(seed: int) -> Tensor:
    return torch.randn(4, 6, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("spec", SPECS)
def test_every_subset_of_modalities_is_named_and_changes_the_answer(spec: FusionHeadSpec) -> None:
    made, both = head(spec), {0: codes(0), 1: codes(1)}
    answers = [made(there, net()) for there in (both, {0: both[0]}, {1: both[1]})]
    assert all(answer.shape == (4, 3) for answer in answers)
    assert not torch.allclose(answers[0], answers[1])
    assert not torch.allclose(answers[1], answers[2])


@pytest.mark.parametrize("spec", SPECS)
def test_at_first_every_class_is_as_likely(spec: FusionHeadSpec) -> None:
    made = FusionHead(spec, modalities=2, code=6, classes=3, seed=0).eval()
    shares = made({0: codes(0), 1: codes(1)}, net()).softmax(1)
    torch.testing.assert_close(shares, torch.full((4, 3), 1 / 3))


@pytest.mark.parametrize("spec", SPECS)
def test_no_modality_at_all_is_refused(spec: FusionHeadSpec) -> None:
    with pytest.raises(ShapeError, match="at least one; got none"):
        head(spec)({}, net())


def test_late_fusion_is_the_product_of_the_experts() -> None:
    made = head(LateFusionSpec())
    one, other = (made({place: codes(place)}, net()).softmax(1) for place in (0, 1))
    both = made({0: codes(0), 1: codes(1)}, net()).softmax(1)
    torch.testing.assert_close(both, one * other / (one * other).sum(1, keepdim=True))


def test_early_fusion_takes_a_missing_modality_for_zeros() -> None:
    made = head(EarlyFusionSpec())
    alone = made({1: codes(1)}, net())
    torch.testing.assert_close(alone, made({0: torch.zeros(4, 6), 1: codes(1)}, net()))


def test_gates_are_a_softmax_over_what_is_there() -> None:
    made = head(GatedFusionSpec())
    scores = torch.cat([made.gates[place](codes(place)) for place in (0, 1)], 1)
    weights = scores.exp() / scores.exp().sum(1, keepdim=True)
    mixed = [made.mixed[place](codes(place)).tanh() for place in (0, 1)]
    expected = made.layers[0](weights[:, :1] * mixed[0] + weights[:, 1:] * mixed[1])
    torch.testing.assert_close(made({0: codes(0), 1: codes(1)}, net()), expected)
    torch.testing.assert_close(made({0: codes(0)}, net()), made.layers[0](mixed[0]))


def test_the_shared_head_reads_the_joined_code() -> None:
    made = head(SharedFusionSpec())
    mean = (codes(0) + codes(1)) / 2
    joined = mean / mean.norm(dim=1, keepdim=True) * 6**0.5
    torch.testing.assert_close(made({0: codes(0), 1: codes(1)}, net()), made.layers[0](joined))

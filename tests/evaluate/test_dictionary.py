"""Duplicates and condition of filters against numpy, for every kind of filter."""

from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from featlearn.config.stages import StageSpec
from featlearn.evaluate.dictionary import dictionary_condition, duplicate_filters
from featlearn.geometry import MapShape
from featlearn.stages.stage import Stage, build_stage

IMAGE = MapShape(2, 5, 5)
FILTERS: dict[str, dict[str, Any]] = {
    "dense": {"kind": "dense", "maps": 6},
    "conv": {"kind": "conv", "size": 2, "maps": 4},
    "groups": {"kind": "conv", "size": 3, "maps": 4, "groups": 2},
    "local": {"kind": "local", "size": 3, "maps": 3},
    "tiled": {"kind": "tiled", "size": 3, "maps": 3, "tile": 2},
}


def make(kind: str, *, untied: bool = False) -> Stage:
    objective = {"kind": "plain", "decoder": "untied" if untied else "tied"}
    raw = {"name": "it", "filter": FILTERS[kind], "objective": objective}
    draw = torch.Generator().manual_seed(0)
    return build_stage(msgspec.convert(raw, StageSpec), IMAGE, generator=draw).double()


def banks(stage: Stage, kind: str) -> np.ndarray:
    weight = stage.filter.weight.detach().numpy()
    maps = weight.shape[-4]
    groups = FILTERS[kind].get("groups", 1)
    flat = weight.reshape(-1, groups, maps // groups, int(np.prod(weight.shape[-3:])))
    return flat.reshape(-1, maps // groups, flat.shape[-1])


@pytest.mark.parametrize("kind", FILTERS)
def test_copies_are_found_within_their_place_and_group(kind: str) -> None:
    stage = make(kind)
    with torch.no_grad():
        weight = stage.filter.weight
        weight[..., 1, :, :, :] = 3 * weight[..., 0, :, :, :]  # points where another points
        weight[..., 2, :, :, :] = -weight[..., 0, :, :, :]  # points elsewhere
    found = duplicate_filters(stage)
    assert found is not None
    expected = []
    for bank in banks(stage, kind):
        unit = bank / np.linalg.norm(bank, axis=1, keepdims=True)
        expected.append([any(unit[j] @ unit[i] > 0.95 for j in range(i)) for i in range(len(bank))])
    assert found.tolist() == expected
    assert found.sum() == len(expected) // FILTERS[kind].get("groups", 1)


def test_filters_of_zeros_are_like_none() -> None:
    stage = make("dense")
    with torch.no_grad():
        stage.filter.weight.zero_()
    found = duplicate_filters(stage)
    assert found is not None
    assert not bool(found.any())
    assert dictionary_condition(stage) == 1e12


@pytest.mark.parametrize("untied", [False, True])
@pytest.mark.parametrize("kind", FILTERS)
def test_the_condition_is_numpy_s_of_unit_columns(kind: str, *, untied: bool) -> None:
    stage = make(kind, untied=untied)
    assert stage.decoder is not None
    if stage.decoder.weight is not None:
        with torch.no_grad():
            stage.decoder.weight.add_(0.3)
            stage.filter.weight.copy_(stage.decoder.weight)  # read by `banks`
            expected = banks(stage, kind).copy()
            stage.filter.weight.normal_()
    else:
        expected = banks(stage, kind)
    each = [np.linalg.cond(bank / np.linalg.norm(bank, axis=1, keepdims=True)) for bank in expected]
    found = dictionary_condition(stage)
    assert found == pytest.approx(sorted(each)[(len(each) - 1) // 2])


def test_orthogonal_filters_have_a_condition_of_one_and_dependent_ones_a_huge_one() -> None:
    stage = make("dense")
    with torch.no_grad():
        stage.filter.weight.copy_(torch.linalg.qr(torch.randn(50, 6)).Q.T.reshape(6, *IMAGE))
        stage.filter.weight.mul_(torch.arange(1, 7)[:, None, None, None])  # lengths do not matter
    assert dictionary_condition(stage) == pytest.approx(1, abs=1e-6)
    with torch.no_grad():
        stage.filter.weight[1] = stage.filter.weight[0]
    condition = dictionary_condition(stage)
    assert condition is not None
    assert condition > 1e6

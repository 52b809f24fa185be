"""The activation of a stage, and the threshold that it measures."""

from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor

from featlearn.config.stages import StageSpec
from featlearn.geometry import MapShape
from featlearn.ops.top_k import batch_top_k
from featlearn.stages.activation import BatchTopK
from featlearn.stages.stage import Stage, build_stage
from tests.autoencoders.oracles import check_refused

IMAGE = MapShape(1, 6, 6)


def make(activation: Any, **filters: Any) -> Stage:
    raw = {
        "name": "it",
        "filter": {"kind": "conv", "size": 3, "maps": 6, **filters},
        "activation": activation,
    }
    draw = torch.Generator().manual_seed(0)
    return build_stage(msgspec.convert(raw, StageSpec), IMAGE, generator=draw)


def images(count: int, seed: int = 1) -> Tensor:
    return torch.randn(count, *IMAGE, generator=torch.Generator().manual_seed(seed))


def test_a_top_k_stage_keeps_k_maps_at_every_position() -> None:
    code = make({"kind": "top-k", "k": 2}).code(images(5))
    assert int((code != 0).sum(1).amax()) == 2


@pytest.mark.parametrize("momentum", [0.25, None])
def test_the_threshold_is_the_running_mean_of_the_least_that_was_kept(
    momentum: float | None,
) -> None:
    kept = BatchTopK(2, momentum=momentum).train()
    expected = 0.0
    for step in range(1, 9):
        x = images(4, seed=step)
        weight = 1 / step if momentum is None else max(1 / step, momentum)
        expected += weight * (float(batch_top_k(x.expand(-1, 6, -1, -1), k=2).least) - expected)
        kept(x.expand(-1, 6, -1, -1))
        assert float(kept.threshold) == pytest.approx(expected)
    assert int(kept.batches) == 8


def test_in_use_an_image_s_code_is_its_own() -> None:
    stage, x = make({"kind": "batch-top-k", "k": 2}), images(40)
    stage.train()
    for rows in x.split(10):
        stage.code(rows)
    stage.eval()
    assert isinstance(stage.activation, BatchTopK)
    before = float(stage.activation.threshold)
    together = stage.code(x)
    torch.testing.assert_close(together, torch.cat([stage.code(one[None]) for one in x]))
    assert float(stage.activation.threshold) == before > 0
    assert bool(((together == 0) | (together >= before)).all())
    # As many as in training, on average.
    assert float((together != 0).float().sum(1).mean()) == pytest.approx(2, abs=0.2)


def test_nothing_is_measured_where_statistics_are_held_or_there_is_nothing() -> None:
    kept = BatchTopK(2).train()
    kept(torch.zeros(0, 4, 1, 1))
    kept.track_running_stats = False
    kept(torch.ones(3, 4, 1, 1))
    assert int(kept.batches) == 0
    kept.track_running_stats = True
    kept(torch.ones(3, 4, 1, 1))
    kept.reset_running_stats()
    assert (float(kept.threshold), int(kept.batches)) == (0, 0)


def test_the_threshold_is_part_of_the_model() -> None:
    state = make({"kind": "batch-top-k", "k": 2}).state_dict()
    assert {"activation.threshold", "activation.batches"} <= set(state)
    assert not [key for key in make("relu").state_dict() if key.startswith("activation")]


RECIPE = """
title = "T"
[data]
source = "digits"
[[stages]]
name = "s"
filter = { kind = "conv", size = 3, maps = 4 }
activation = { kind = "top-k", k = 4 }
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("k = 4 }", "k = 5 }", "`activation.k` must be at most `filter.maps` (4); got 5"),
        ("k = 4 }", "k = 0 }", "activation.k must be >= 1; got 0"),
        ('"top-k", k = 4', '"batch-top-k", k = 9', "at most `filter.maps` (4); got 9"),
        (
            '"top-k", k = 4',
            '"batch-top-k", k = 2, momentum = 0',
            "activation.momentum must be > 0",
        ),
        (
            '{ kind = "conv", size = 3, maps = 4 }',
            '{ kind = "residual", maps = 4 }',
            "choose another `activation` than `top-k`",
        ),
    ],
)
def test_what_cannot_be_is_said(old: str, new: str, said: str) -> None:
    check_refused(RECIPE, old, new, said)

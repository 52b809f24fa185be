"""Stages that look for independent components, and what their objectives ask of them."""

from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from featlearn.autoencoders.build import build_objective
from featlearn.autoencoders.objective import LossTerms, Objective
from featlearn.config.stages import StageSpec
from featlearn.geometry import MapShape
from featlearn.stages.stage import Stage, build_stage

Array = NDArray[np.float64]
IMAGE = MapShape(2, 6, 7)
EPS = 1e-8
FILTERS: dict[str, dict[str, Any]] = {
    "dense": {"kind": "dense", "maps": 12},
    "conv": {"kind": "conv", "size": 3, "maps": 12, "stride": 2, "padding": "same"},
    "groups": {"kind": "conv", "size": 3, "maps": 12, "groups": 2},
    "local": {"kind": "local", "size": 3, "maps": 12, "stride": 3},
    "tiled": {"kind": "tiled", "size": 3, "maps": 12, "tile": 2},
}
POOLS: dict[str, dict[str, Any]] = {
    "isa": {"kind": "group", "size": 3},
    "orthonormal-tica": {"kind": "sheet", "rows": 3, "columns": 4, "size": 3},
    "tica": {"kind": "sheet", "rows": 3, "columns": 4, "size": 2},
}
KINDS: dict[str, dict[str, Any]] = {
    "rica": {"kind": "rica", "weight": 0.3},
    "rica-cosh": {"kind": "rica", "weight": 0.3, "g": "log-cosh", "weighs": "reconstruction"},
    "rica-free": {"kind": "rica", "weight": 0.3, "rows": "free"},
    "isa": {"kind": "isa"},
    "orthonormal-tica": {"kind": "orthonormal-tica"},
    "tica": {"kind": "tica", "weight": 0.3},
}


def make(objective: str, kind: str, image: MapShape = IMAGE, **changes: Any) -> Stage:
    """Build a stage in double precision, whose filters meet the constraints."""
    raw: dict[str, Any] = {
        "name": "it",
        "filter": {**FILTERS[kind], "bias": False, **changes},
        "activation": "identity",
        "input": "none",
        "objective": KINDS[objective],
    }
    if objective in POOLS:
        raw["pool"] = POOLS[objective]
    draw = torch.Generator().manual_seed(0)
    stage = build_stage(msgspec.convert(raw, StageSpec), image, generator=draw).double()
    with torch.no_grad():
        taught(stage).after_step(stage)
    return stage


def taught(stage: Stage) -> Objective:
    assert stage.spec.objective is not None
    return build_objective(stage.spec.objective)


def batch(count: int = 3, image: MapShape = IMAGE) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(count, *image, generator=draw, dtype=torch.float64)


def terms(stage: Stage, x: Tensor) -> LossTerms:
    return taught(stage).terms(stage, x, target=x, generator=torch.Generator())


def loss(stage: Stage, x: Tensor) -> Tensor:
    return torch.stack(list(terms(stage, x).values())).sum()

"""Small restricted Boltzmann machines, all of whose states can be gone through."""

import itertools
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from featlearn.autoencoders.machine import BoltzmannMachine
from featlearn.config.stages import StageSpec
from featlearn.geometry import MapShape
from featlearn.stages.stage import Stage, build_stage

Array = NDArray[np.float64]
IMAGE = MapShape(2, 3, 3)
SMALL = MapShape(1, 2, 4)
FILTERS: dict[str, dict[str, Any]] = {
    "dense": {"kind": "dense", "maps": 5},
    "conv": {"kind": "conv", "size": 2, "maps": 2},
    "same": {"kind": "conv", "size": 3, "maps": 2, "stride": 2, "padding": "same", "groups": 2},
    "local": {"kind": "local", "size": 2, "maps": 2},
    "tiled": {"kind": "tiled", "size": 2, "maps": 2, "tile": 2},
}
VISIBLE = ("bernoulli", "gaussian")


def make(kind: str = "dense", image: MapShape = IMAGE, **objective: Any) -> Stage:
    """Build a machine in double precision, with weights and biases that matter."""
    gaussian = objective.get("visible") == "gaussian"
    raw = {
        "name": "it",
        "filter": FILTERS[kind],
        "activation": "sigmoid",
        "objective": {"kind": "rbm", **objective},
        "input": "standardize" if gaussian else "unit",
    }
    draw = torch.Generator().manual_seed(0)
    stage = build_stage(msgspec.convert(raw, StageSpec), image, generator=draw).double()
    with torch.no_grad():
        for parameter in stage.parameters():
            parameter.copy_(0.6 * torch.randn(parameter.shape, generator=draw))
    return stage


def batch(stage: Stage, count: int = 4) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    shape = (count, *stage.input_shape)
    if BoltzmannMachine(stage).gaussian:
        return torch.randn(shape, generator=draw, dtype=torch.float64)
    return torch.rand(shape, generator=draw, dtype=torch.float64)


def bits(count: int) -> Array:
    return np.array(list(itertools.product((0.0, 1.0), repeat=count)))


def plain(stage: Stage) -> tuple[Array, Array, Array]:
    """Write W, b and c out, whatever shares them: W by its responses to single inputs."""
    assert stage.decoder is not None
    shape = stage.input_shape
    ones = torch.eye(shape.units, dtype=torch.float64).view(-1, *shape)
    with torch.no_grad():
        c = stage.responses(torch.zeros_like(ones[:1])).flatten()
        weight = stage.responses(ones).flatten(1).T - c[:, None]
        b = stage.decoder.bias.expand(*shape).flatten()
    return weight.numpy(), b.detach().numpy(), c.numpy()


def energies(stage: Stage, v: Array) -> Array:
    """Compute E(v, h) for all rows of `v` and all states of the hidden units."""
    weight, b, c = plain(stage)
    h = bits(len(c))
    own = -v @ b if not BoltzmannMachine(stage).gaussian else ((v - b) ** 2).sum(1) / 2
    return own[:, None] - h @ c - v @ weight.T @ h.T


def log_sum(values: Array, axis: int) -> Array:
    top = values.max(axis, keepdims=True)
    return (top + np.log(np.exp(values - top).sum(axis, keepdims=True))).squeeze(axis)


def model(stage: Stage) -> tuple[Array, float]:
    """Give the probability of every state of the visible units, and log Z."""
    negative = -energies(stage, bits(stage.input_shape.units))
    each = log_sum(negative, 1)
    log_z = float(log_sum(each, 0))
    return np.exp(each - log_z), log_z

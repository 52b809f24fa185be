"""Training on a CUDA device. Skipped, with the reason, where there is none."""

import json
from collections.abc import Callable, Generator
from pathlib import Path

import msgspec
import pytest
import torch

from featlearn.config.recipe import Recipe
from featlearn.networks.store import load_stack
from featlearn.workflows.evaluate import evaluate
from featlearn.workflows.finetune import finetune
from featlearn.workflows.pretrain import pretrain

Tiny = Callable[..., Recipe]

# PyTorch warns of operations that cannot repeat their bits; equal bytes are promised on the CPU.
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.filterwarnings("ignore:.*deterministic.*:UserWarning"),
]


@pytest.fixture(autouse=True)
def _as_before() -> Generator[None]:
    """Leave the other tests the process as they expect it."""
    yield
    torch.use_deterministic_algorithms(False)


def weights(path: Path) -> dict[str, torch.Tensor]:
    return load_stack(path).stack.state_dict()


def test_cuda_learns_what_the_cpu_learns(tmp_path: Path, tiny: Tiny) -> None:
    # Without drawn noise: each kind of device draws its own.
    stages = [{**stage, "objective": {"kind": "plain"}} for stage in _tables(tiny)]
    recipe = tiny(stages=stages, pretrain={"epochs": 1})
    for device in ("cpu", "cuda"):
        pretrain(recipe, out=tmp_path / device, root=tmp_path, device=device)
    there, here = weights(tmp_path / "cuda"), weights(tmp_path / "cpu")
    for name, value in here.items():
        assert there[name].device.type == "cpu"
        torch.testing.assert_close(there[name], value, atol=1e-3, rtol=1e-2)


def test_bfloat16_learns_on_cuda(tmp_path: Path, tiny: Tiny) -> None:
    recipe = tiny(pretrain={"epochs": 6, "precision": "bfloat16"})
    result = pretrain(recipe, out=tmp_path / "run", root=tmp_path, device="cuda")
    assert result.environment.device == "cuda"
    lines = map(json.loads, (tmp_path / "run" / "metrics.jsonl").read_text().splitlines())
    losses = [line["held_out"]["loss"] for line in lines if line.get("held_out")][:6]
    assert losses[-1] < losses[0]
    assert all(value.dtype == torch.float32 for value in weights(tmp_path / "run").values())


def test_heads_are_trained_and_measured_on_cuda(tmp_path: Path, tiny: Tiny) -> None:
    recipe = tiny(data={"limit": 400}, finetune={"epochs": 10})
    pretrain(recipe, out=tmp_path / "run", root=tmp_path, device="cuda")
    finetune(tmp_path / "run", root=tmp_path, device="cuda")
    there = evaluate(tmp_path / "run", root=tmp_path, device="cuda")
    here = evaluate(tmp_path / "run", root=tmp_path, device="cpu")
    assert there.accuracy > 0.6
    assert abs(there.accuracy - here.accuracy) < 0.01


def _tables(tiny: Tiny) -> list[dict[str, object]]:
    return [msgspec.to_builtins(stage) for stage in tiny().stages]


def test_steps_in_the_backward_pass_are_those_after_it(tmp_path: Path, tiny: Tiny) -> None:
    local = {"kind": "local", "size": 5, "maps": 4}
    stages = [{**stage, "filter": local} for stage in _tables(tiny)[:1]]
    optimizer = {"kind": "sgd", "lr": 1e-3, "momentum": 0.9, "weight_decay": 0.01}
    for update in ("step", "backward"):
        loop = {"epochs": 3, "precision": "bfloat16", "update": update, "optimizer": optimizer}
        recipe = tiny(stages=stages, pretrain=loop)
        pretrain(recipe, out=tmp_path / update, root=tmp_path, device="cuda")
    after, within = weights(tmp_path / "step"), weights(tmp_path / "backward")
    for name, value in after.items():
        torch.testing.assert_close(within[name], value, atol=1e-3, rtol=1e-2)

"""Speeds of layers: what is counted, and what is shown."""

from collections.abc import Callable

import pytest
import torch

from featlearn.bench import layers, machine
from featlearn.bench.layers import LayerSpeed, measure_layers
from featlearn.bench.timing import in_turns
from featlearn.geometry import MapShape


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure little, as what is fast is not what is tested."""
    monkeypatch.setattr(machine, "_SIDES", {"cpu": 64, "cuda": 64})
    monkeypatch.setattr(machine, "_COPIED", {"cpu": 2**20})
    cases = [case._replace(shape=MapShape(case.shape.maps, 20, 20)) for case in layers.CASES]
    monkeypatch.setattr(layers, "CASES", cases)


def test_every_kind_of_layer_is_measured_in_both_precisions() -> None:
    first, *found = measure_layers(torch.device("cpu"), rounds=1, batch=2)
    assert isinstance(first, machine.Machine)
    assert min(first.best_gflops.values()) > 0
    assert first.copy_gb_s > 0
    rows = [row for row in found if isinstance(row, LayerSpeed)]
    for row in rows:
        rate, best = row.gflops, first.best_gflops[row.dtype]
        if rate is None:  # what moves numbers is measured against copies
            rate, best = row.gb_s, first.copy_gb_s
        assert rate is not None
        assert row.fraction_of_best == pytest.approx(rate / best)
    assert {(row.layer.split()[0], row.dtype) for row in rows} == {
        (kind, dtype)
        for kind in ("dense,", "conv", "tiled", "local", "L2", "LCN")
        for dtype in ("float32", "bfloat16")
    }


def test_operations_are_counted_as_three_products(monkeypatch: pytest.MonkeyPatch) -> None:
    local = next(case for case in layers.CASES if case.name.startswith("local 5x5"))
    monkeypatch.setattr(layers, "CASES", [local])
    row = next(
        r
        for r in measure_layers(torch.device("cpu"), rounds=1, batch=3)
        if isinstance(r, LayerSpeed)
    )
    multiplications = 16 * 16 * 32 * 16 * 5 * 5
    assert row.gflops == pytest.approx(3 * 2 * 3 * multiplications / row.training_ms / 1e6)
    assert row.images_s == pytest.approx(3 / row.training_ms * 1e3)


def test_the_first_round_sets_things_up_and_slow_ways_run_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [0.0]
    runs: list[str] = []

    def way(name: str, *seconds: float) -> Callable[[], None]:
        left = list(seconds)

        def run() -> None:
            runs.append(name)
            clock[0] += left.pop(0) if len(left) > 1 else left[0]

        return run

    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    found = in_turns({"steady": way("steady", 9, 1, 2, 3), "slow": way("slow", 30)}, rounds=3)
    assert found["steady"] == (2, 3)
    assert found["slow"] == (30, 1)
    assert runs == ["steady", "slow", "steady", "steady", "steady"]


def test_quick_ways_are_run_before_they_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, cold = [0.0], [0.4, 0.4, 0.1, 0.4, 0.1]

    def quick() -> None:
        clock[0] += cold.pop(0)

    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    assert in_turns({"quick": quick}, rounds=2)["quick"].seconds == pytest.approx(0.1)

"""`featlearn bench`."""

import json

import pytest

from featlearn.bench import layers, machine
from tests.cli.conftest import Run


def test_a_table_or_one_object(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_SIDES", {"cpu": 64})
    monkeypatch.setattr(machine, "_COPIED", {"cpu": 2**20})
    monkeypatch.setattr(layers, "BATCH", 2)
    cases = [case for case in layers.CASES if case.name in ("local 7x7, 16 maps", "LCN 5x5")]
    monkeypatch.setattr(layers, "CASES", cases)
    shown = run("bench", "--rounds", "1").stdout
    assert "local 7x7, 16 maps" in shown
    assert "GFLOP/s" in shown
    assert "GB/s" in shown
    found = json.loads(run("bench", "--rounds", "1", "--json").stdout)
    assert found["machine"]["device"] == "cpu"
    assert [row["dtype"] for row in found["layers"]] == ["float32", "bfloat16"] * 2


def test_no_rounds_are_refused(run: Run) -> None:
    result = run("bench", "--rounds", "0")
    assert result.exit_code == 2
    assert "--rounds" in result.stderr

"""Sweeps that are refused, and leave nothing behind."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featlearn.errors import (
    CheckpointError,
    DataError,
    UsageError,
)
from featlearn.workflows.pretrain import pretrain
from tests.workflows.sweeping import Tiny, sweep


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "error", "said"),
        [
            ({"labels": (30, 401)}, DataError, "401 labels were asked for, but there are 400"),
            ({"labels": (1, 30)}, DataError, "1 label cannot be shared among 10 classes"),
            ({"labels": ()}, UsageError, "at least 1, or 'all'"),
            ({"labels": (0, 10)}, UsageError, "at least 1, or 'all'"),
            ({"labels": (30, 30)}, UsageError, "each number of labels once"),
            ({"draws": 1}, UsageError, "2 to 1000 draws"),
            ({"draws": 1001}, UsageError, "2 to 1000 draws"),
            ({"controls": ("magic",)}, UsageError, "no control 'magic'; take scratch or pixels"),
            ({"labels": ("all",), "tune": True}, UsageError, "leave out --tune"),
            ({"labels": (400,), "tune": True}, DataError, "400 labels leave no labelled images"),
            ({"name": "../x"}, UsageError, "cannot name a sweep"),
            ({"freeze": 3}, UsageError, "there are 2 stages"),
            ({"overrides": ("seed=3",)}, UsageError, r"only finetune.\* can be set here"),
            ({"resume": True}, CheckpointError, "nothing to resume"),
        ],
    )
    def test_what_makes_no_sweep_leaves_nothing_behind(
        self, run: Path, options: dict[str, Any], error: type[Exception], said: str
    ) -> None:
        with pytest.raises(error, match=said):
            sweep(run, **options)
        assert not (run / "sweeps").exists()

    def test_other_images_than_the_run_learned_from(self, tmp_path: Path, tiny: Tiny) -> None:
        draw = np.random.default_rng(0)
        images = draw.integers(0, 255, (60, 1, 8, 8), dtype=np.uint8)
        np.savez(tmp_path / "x.npz", images=images, labels=np.arange(60) % 3)
        recipe = tiny(data={"source": str(tmp_path / "x.npz"), "limit": None})
        pretrain(recipe, out=tmp_path / "run", root=tmp_path)
        assert sweep(tmp_path / "run", labels=(9, 12)).test > 0
        images[-1] ^= 255
        np.savez(tmp_path / "x.npz", images=images, labels=np.arange(60) % 3)
        for options in ({"name": "new"}, {"resume": True}):
            if "resume" in options:
                (tmp_path / "run/sweeps/labels/results.json").unlink()
            with pytest.raises(CheckpointError, match=r"other (train|test) images"):
                sweep(tmp_path / "run", labels=(9, 12), **options)

    def test_pre_training_anew_removes_the_sweeps(self, run: Path, tiny: Tiny) -> None:
        sweep(run)
        pretrain(tiny(), out=run, root=run, overwrite=True)
        assert not (run / "sweeps").exists()

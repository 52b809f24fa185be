"""`check` passes what learns, fails what does not, and writes nothing unasked."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from featlearn.config.data import DataSpec
from featlearn.config.load import load_recipe
from featlearn.config.recipe import Recipe
from featlearn.datasets.imageset import Splits
from featlearn.errors import DataError, RecipeError
from featlearn.workflows import check as module
from featlearn.workflows.check import CheckResult, check, on_few_images

Make = Callable[..., Recipe]

HEAD = {"first loss", "learning rate", "dead units", "learnt by heart", "gradient"}


def rows(result: CheckResult, status: str) -> set[tuple[str, str]]:
    return {(row.name, row.of) for row in result.checks if row.status == status}


def changed(tiny: Make, *stages: dict[str, Any], **changes: Any) -> Recipe:
    """Make a tiny recipe with changed stages, wide enough to learn by heart in a blink."""
    own = msgspec.to_builtins(tiny().stages)
    own[1]["filter"]["maps"] = 30
    for stage, change in zip(own, stages, strict=False):
        stage.update(change)
    return tiny(stages=own, **changes)


def test_what_learns_passes_every_check(tiny: Make, empty_folder: Path) -> None:
    result = check(changed(tiny, data={"limit": 400}), root=empty_folder)
    assert result.passed
    assert rows(result, "failed") == rows(result, "not applicable") == set()
    assert rows(result, "passed") == {
        ("gradient", "edges"),
        ("learning rate", "edges"),
        ("dead units", "edges"),
        ("gradient", "parts"),
        ("learning rate", "parts"),
        ("dead units", "parts"),
        ("first loss", "finetune"),
        ("gradient", "head (finetune)"),
        ("gradient", "edges (finetune)"),
        ("gradient", "parts (finetune)"),
        ("learning rate", "finetune"),
        ("dead units", "edges (finetune)"),
        ("dead units", "parts (finetune)"),
        ("learnt by heart", "finetune"),
    }
    assert [test.phase for test in result.ranges] == ["edges", "parts", "finetune"]
    assert all(test.own == 0.01 for test in result.ranges)
    assert result.images == 360
    assert not list(empty_folder.iterdir())


def test_the_same_seed_gives_the_same(tiny: Make, tmp_path: Path) -> None:
    one, same = (check(changed(tiny), root=tmp_path) for _ in range(2))
    assert (one.checks, one.ranges) == (same.checks, same.ranges)
    other = check(msgspec.structs.replace(changed(tiny), seed=1), root=tmp_path)
    assert other.ranges != one.ranges


def test_the_first_loss_is_the_logarithm_of_the_classes(tiny: Make, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    np.savez(tmp_path / "x.npz", x=draw.random((90, 1, 8, 8)), y=np.arange(90) % 3)
    head = {"kind": "classification", "hidden": [5], "dropout": 0.5, "smoothing": 0.2}
    augment = [{"kind": "shift", "pixels": 1}]
    recipe = changed(
        tiny,
        data={"source": str(tmp_path / "x.npz"), "limit": None},
        finetune={"head": head, "augment": augment},
    )
    result = check(recipe, root=tmp_path)
    (row,) = [row for row in result.checks if row.name == "first loss"]
    assert row.status == "passed"
    assert row.said == f"{math.log(3):.4f}, and ln 3 = {math.log(3):.4f}"


def test_the_first_loss_is_that_of_the_labels_alone(tiny: Make, tmp_path: Path) -> None:
    """What is asked of unlabelled images has no such value to begin at."""
    recipe = changed(tiny, finetune={"semi": {"kind": "ladder", "batch": 16}})
    (row,) = [row for row in check(recipe, root=tmp_path).checks if row.name == "first loss"]
    assert row.status == "passed"


def test_a_rate_that_is_too_high_fails_in_its_phase_alone(tiny: Make, tmp_path: Path) -> None:
    result = check(changed(tiny, {"lr": 100.0}, data={"limit": 400}), root=tmp_path)
    assert not result.passed
    failed = rows(result, "failed")
    assert ("learning rate", "edges") in failed
    assert {of for _, of in failed} == {"edges"}
    edges = result.ranges[0]
    assert edges.diverges is not None
    assert edges.own == 100.0 > edges.diverges


def test_a_rate_that_is_too_low_fails_too(tiny: Make, tmp_path: Path) -> None:
    low = {"optimizer": {"kind": "adamw", "lr": 1e-12}}
    failed = rows(check(changed(tiny, finetune=low), root=tmp_path), "failed")
    assert failed == {("learning rate", "finetune"), ("learnt by heart", "finetune")}


def test_units_that_die_at_once_are_seen(tiny: Make, tmp_path: Path) -> None:
    """Nothing is above zero once a bias of ReLU units is pushed far down."""
    fast = {"lr": 300.0, "input": "none", "pool": None}
    failed = rows(check(changed(tiny, fast), root=tmp_path), "failed")
    assert ("dead units", "edges") in failed


def test_without_labels_the_head_is_not_applicable(tiny: Make, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((60, 1, 8, 8)).astype("float32"))
    source = {"source": str(tmp_path / "x.npy"), "limit": None}
    result = check(changed(tiny, data=source), root=tmp_path)
    skipped = [row for row in result.checks if row.status == "not applicable"]
    assert {row.name for row in skipped} == HEAD
    assert {row.of for row in skipped} == {"finetune"}
    assert all("has no labels" in row.said for row in skipped)
    assert {row.of for row in result.checks} == {"edges", "parts", "finetune"}


def test_labels_of_one_class_are_no_labels(tiny: Make, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    np.savez(tmp_path / "x.npz", x=draw.random((60, 1, 8, 8)), y=np.zeros(60, int))
    result = check(
        changed(tiny, data={"source": str(tmp_path / "x.npz"), "limit": None}), root=tmp_path
    )
    skipped = [row for row in result.checks if row.status == "not applicable"]
    assert {row.name for row in skipped} == HEAD
    assert all("of one class" in row.said for row in skipped)


def test_frozen_stages_and_stages_without_objective(tiny: Make, tmp_path: Path) -> None:
    recipe = changed(tiny, {}, {"objective": None}, finetune={"freeze": 1})
    result = check(recipe, root=tmp_path)
    assert rows(result, "not applicable") == {
        ("gradient", "parts"),
        ("gradient", "edges (finetune)"),
    }
    assert [test.phase for test in result.ranges] == ["edges", "finetune"]
    assert ("gradient", "parts (finetune)") in rows(result, "passed")


@pytest.mark.parametrize("through", [False, True])
def test_joint_phases_are_checked_stage_by_stage(tiny: Make, tmp_path: Path, through: bool) -> None:
    recipe = changed(tiny, pretrain={"schedule": "greedy-then-joint", "through": through})
    result = check(recipe, root=tmp_path)
    assert [test.phase for test in result.ranges] == ["edges", "parts", "joint", "finetune"]
    for name in ("gradient", "dead units"):
        for stage in ("edges", "parts"):
            assert (name, f"{stage} (joint)") in rows(result, "passed")


def test_a_schedule_that_is_longer_than_the_check_does_not_matter(
    tiny: Make, tmp_path: Path
) -> None:
    rate = {"kind": "cosine", "warmup": 9}
    plain, bent = changed(tiny), changed(tiny, pretrain={"rate": rate}, finetune={"rate": rate})
    one, other = (check(recipe, root=tmp_path) for recipe in (plain, bent))
    assert one.ranges == other.ranges


def test_the_test_split_is_not_looked_at(
    tiny: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one the outcome is the same."""
    recipe = changed(tiny)
    expected = check(recipe, root=tmp_path)
    real = module.open_splits

    def train_alone(spec: DataSpec, *, root: Path | None, seed: int) -> Splits:
        return Splits(real(spec, root=root, seed=seed).train, None)

    monkeypatch.setattr(module, "open_splits", train_alone)
    found = check(recipe, root=tmp_path)
    assert (found.checks, found.ranges) == (expected.checks, expected.ranges)


def test_a_plot_is_written_where_it_is_asked_for(tiny: Make, tmp_path: Path) -> None:
    out = tmp_path / "pictures"
    result = check(changed(tiny), root=tmp_path, out=out)
    assert result.files == [str(out / "rates.png"), str(out / "rates.svg")]
    assert (out / "rates.png").read_bytes().startswith(b"\x89PNG")
    assert "finetune" in (out / "rates.svg").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pictures"]


def test_nothing_to_train_draws_nothing(tiny: Make, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((60, 1, 8, 8)).astype("float32"))
    source = {"source": str(tmp_path / "x.npy"), "limit": None}
    recipe = changed(tiny, {"objective": None}, {"objective": None}, data=source)
    result = check(recipe, root=tmp_path, out=tmp_path / "pictures")
    assert (result.files, result.ranges) == ([], [])
    assert result.passed


def test_what_stands_in_the_way_is_an_error(tiny: Make, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="data fetch mnist"):
        check(changed(tiny, data={"source": "mnist"}), root=tmp_path)
    big = {"filter": {"kind": "conv", "size": 9, "maps": 2}}
    with pytest.raises(RecipeError, match=r"stage 'edges': filter\.size 9 does not fit"):
        check(changed(tiny, big), root=tmp_path)


class TestFewImages:
    def test_are_two_thousand_or_four_batches(self) -> None:
        own = load_recipe("mnist-local")
        assert on_few_images(own).data.limit == 2000
        big = load_recipe("mnist-local", overrides=["finetune.batch=1000"])
        assert on_few_images(big).data.limit == 4000
        few = load_recipe("mnist-local", overrides=["data.limit=300"])
        assert on_few_images(few).data.limit == 300
        assert on_few_images(own).stages == own.stages

    @pytest.mark.parametrize(
        ("name", "crops", "limit"), [("photographs", 1000, 2), ("natural-sparse", 200, 10)]
    )
    def test_of_a_few_pictures_there_are_fewer_crops(
        self, name: str, crops: int, limit: int
    ) -> None:
        found = on_few_images(load_recipe(name)).data
        assert (found.crops, found.limit) == (crops, limit)

    def test_of_many_pictures_there_are_fewer(self) -> None:
        few = load_recipe("photographs", overrides=["data.crops=10", "data.source=folder"])
        assert (on_few_images(few).data.crops, on_few_images(few).data.limit) == (10, 200)
        many = load_recipe("photographs", overrides=["data.source=folder"])
        assert (on_few_images(many).data.crops, on_few_images(many).data.limit) == (100, 20)


@pytest.mark.slow
@pytest.mark.data("mnist")
@pytest.mark.parametrize("name", ["lenet5", "mnist-conv", "mnist-local"])
def test_shipped_recipes_end_well(name: str, data_root: Path) -> None:
    result = check(load_recipe(name), root=data_root)
    assert rows(result, "failed") == set()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dense", "digits", "photographs", "template"])
def test_shipped_recipes_on_bundled_images_end_well(name: str, tmp_path: Path) -> None:
    result = check(load_recipe(name), root=tmp_path)
    assert rows(result, "failed") == set()
    for found in result.ranges:
        assert found.suggested is not None
        # The rates were chosen by hand, and the rule agrees with them.
        assert found.own / 10 < found.suggested < found.own * 10

"""`evaluate`, `predict` and `encode` against direct computation."""

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from featlearn.config.load import load_recipe
from featlearn.config.recipe import Recipe
from featlearn.datasets.source import open_splits
from featlearn.errors import (
    CheckpointError,
    DataError,
    MissingExtraError,
    ShapeError,
    UsageError,
)
from featlearn.heads.store import load_classifier
from featlearn.networks.store import load_stack
from featlearn.workflows.encode import encode
from featlearn.workflows.evaluate import evaluate
from featlearn.workflows.finetune import finetune
from featlearn.workflows.label_sweep import sweep_labels
from featlearn.workflows.predict import predict
from featlearn.workflows.pretrain import pretrain
from featlearn.workflows.report import report


def digits() -> tuple[torch.Tensor, NDArray[np.int64]]:
    """Take scikit-learn's own digits as they are fed to a network."""
    values, labels = load_digits(return_X_y=True)
    images = np.rint(np.asarray(values).reshape(-1, 1, 8, 8) * (255 / 16)) / 255
    return torch.tensor(images, dtype=torch.float32), np.asarray(labels, np.int64)


@pytest.fixture(scope="module")
def logits(trained: Path) -> NDArray[np.float32]:
    """Compute the head's logits of all digits, in one go."""
    classifier = load_classifier(trained / "heads/default/model.safetensors").classifier
    with torch.no_grad():
        return classifier(digits()[0]).numpy()


def test_evaluation_is_on_the_test_split(run: Path, logits: NDArray[np.float32]) -> None:
    result = evaluate(run, root=run)
    truth, guess = digits()[1][-500:], logits[-500:].argmax(1)
    assert (result.source, result.split, result.images) == ("digits", "test", 500)
    assert result.accuracy == pytest.approx(np.mean(truth == guess))
    assert result.error == pytest.approx(1 - result.accuracy)
    assert result.accuracy > 0.5
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (truth, guess), 1)
    assert np.array_equal(result.confusion, confusion)
    for place, row in enumerate(result.per_class):
        assert row.name == str(place)
        assert row.images == confusion[place].sum()
        assert row.accuracy == pytest.approx(confusion[place, place] / row.images)
    written = json.loads((run / "heads/default/evaluation.json").read_text())
    assert written["accuracy"] == result.accuracy
    assert result.majority == np.bincount(truth).max() / 500
    assert (result.seen, result.note) == (None, None)


def test_given_images_are_measured_and_not_written_down(
    run: Path, tmp_path: Path, logits: NDArray[np.float32]
) -> None:
    x, y = digits()
    some = np.flatnonzero((y == 3) | (y == 8))[:60]
    np.savez(tmp_path / "some.npz", images=x[some].numpy(), labels=y[some])
    result = evaluate(run, root=run, source=str(tmp_path / "some.npz"))
    assert (result.split, result.images) == ("given", 60)
    assert result.accuracy == pytest.approx(np.mean(y[some] == logits[some].argmax(1)))
    assert not (run / "heads/default/evaluation.json").exists()


def test_classes_are_matched_by_name_and_not_by_place(
    run: Path, tmp_path: Path, logits: NDArray[np.float32]
) -> None:
    from PIL import Image

    x, y = digits()
    for place in range(40, 80):
        if y[place] in (7, 9):
            folder = tmp_path / "pictures" / str(y[place])
            folder.mkdir(parents=True, exist_ok=True)
            pixels = (x[place, 0] * 255).round().to(torch.uint8).numpy()
            Image.fromarray(pixels).save(folder / f"{place}.png")
    chosen = [place for place in range(40, 80) if y[place] in (7, 9)]
    result = evaluate(run, root=run, source=str(tmp_path / "pictures"))
    assert result.images == len(chosen)
    assert result.accuracy == pytest.approx(np.mean(logits[chosen].argmax(1) == y[chosen]))
    assert result.classes == tuple(map(str, range(10)))


def test_training_images_among_the_given_ones_are_counted(run: Path, tmp_path: Path) -> None:
    recipe = load_stack(run).recipe
    train = open_splits(recipe.data, root=run, seed=recipe.seed).train
    x, y = digits()
    assert train.labels is not None
    np.savez(
        tmp_path / "mixed.npz",
        images=np.concatenate([train.images[:7, 0], (x[-20:, 0] * 255).round().byte().numpy()]),
        labels=np.concatenate([train.labels[:7], y[-20:]]),
    )
    result = evaluate(run, root=run, source=str(tmp_path / "mixed.npz"))
    assert (result.seen, result.images) == (7, 27)
    assert result.note is not None
    assert result.note.startswith("7 of these 27 images are among the run's training images")
    assert evaluate(run, root=run, source="digits:test").note is None


def test_without_the_training_images_nothing_is_claimed(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_args: Any, **_options: Any) -> None:
        raise DataError("gone")

    monkeypatch.setattr("featlearn.workflows.evaluate.open_splits", gone)
    result = evaluate(run, root=run, source="digits:test")
    assert result.seen is None
    assert result.note is not None
    assert "not at hand" in result.note


def test_random_crops_cannot_be_compared(tiny: Callable[..., Recipe], tmp_path: Path) -> None:
    x, y = digits()
    np.savez(tmp_path / "pictures.npz", images=x[:200, 0].numpy(), labels=y[:200] % 2)
    source = str(tmp_path / "pictures.npz")
    cropped = {"source": source, "size": [6, 6], "fit": "crop", "crops": 1}
    pretrain(tiny(data=cropped), out=tmp_path / "run", root=tmp_path)
    finetune(tmp_path / "run", root=tmp_path)
    result = evaluate(tmp_path / "run", root=tmp_path, source=source)
    assert result.images == 200  # all of which the run learned from, or set apart
    assert result.seen is None
    assert result.note is not None
    assert "random crops" in result.note


def test_files_that_are_there_stay(trained: Path, tmp_path: Path) -> None:
    source = tmp_path / "some.npy"
    np.save(source, digits()[0][:3].numpy())
    index = tmp_path / "f.index.csv"
    index.write_text("mine")
    with pytest.raises(UsageError, match=r"f.index.csv exists already.*--overwrite"):
        encode(trained, str(source), root=trained, out=tmp_path / "f.npy")
    with pytest.raises(UsageError, match=r"some.npy is read itself; write elsewhere"):
        encode(trained, str(source), root=trained, out=source)
    with pytest.raises(UsageError, match=r"f.index.csv exists already"):
        predict(trained, str(source), root=trained, out=index)
    assert (index.read_text(), len(list(tmp_path.iterdir()))) == ("mine", 2)
    encode(trained, str(source), root=trained, out=tmp_path / "f.npy", overwrite=True)
    assert index.read_text() == "image\n0\n1\n2\n"


def test_a_class_that_the_head_does_not_know_is_refused(run: Path, tmp_path: Path) -> None:
    x, y = digits()
    np.savez(tmp_path / "odd.npz", images=x[:20].numpy(), labels=np.where(y[:20] == 4, 77, y[:20]))
    with pytest.raises(DataError, match=r"has the class '77', which is none of the model's"):
        evaluate(run, root=run, source=str(tmp_path / "odd.npz"))


def test_images_without_labels_cannot_be_evaluated(run: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "bare.npy", digits()[0][:5].numpy())
    with pytest.raises(DataError, match="has no labels"):
        evaluate(run, root=run, source=str(tmp_path / "bare.npy"))


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_predictions_are_softmax_in_the_order_of_the_source(
    run: Path, tmp_path: Path, logits: NDArray[np.float32]
) -> None:
    order = np.random.default_rng(0).permutation(300)
    np.save(tmp_path / "some.npy", digits()[0][order].numpy())
    result = predict(run, str(tmp_path / "some.npy"), root=run, out=tmp_path / "table.csv")
    assert result.images == 300
    assert result.csv is None
    rows = rows_of((tmp_path / "table.csv").read_text())
    expected = np.exp(logits[order] - logits[order].max(1, keepdims=True))
    expected /= expected.sum(1, keepdims=True)
    found = np.array([[float(row[f"p({k})"]) for k in range(10)] for row in rows])
    np.testing.assert_allclose(found, expected, atol=2e-6)
    assert [row["image"] for row in rows] == [str(place) for place in range(300)]
    assert [row["prediction"] for row in rows] == [str(k) for k in expected.argmax(1)]
    counts = np.bincount(expected.argmax(1), minlength=10)
    assert result.counts == {str(k): int(count) for k, count in enumerate(counts)}


def test_names_with_control_characters_leave_the_table_readable(run: Path, tmp_path: Path) -> None:
    names = ["a\rb", "c\nd", 'e"\r\n,f', "g\x1b[31m"]
    (tmp_path / "odd").mkdir()
    for name in names:
        Image.new("L", (8, 8)).save(tmp_path / "odd" / f"{name}.png")
    predict(run, str(tmp_path / "odd"), root=run, out=tmp_path / "x.csv")
    encode(run, str(tmp_path / "odd"), root=run, out=tmp_path / "x.npy")
    for table in ("x.csv", "x.index.csv"):
        with (tmp_path / table).open(newline="") as file:
            found = [row["image"] for row in csv.DictReader(file)]
        assert sorted(found) == sorted(f"{name}.png" for name in names)


def test_without_a_file_the_table_is_in_the_result(run: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "some.npy", digits()[0][:3].numpy())
    result = predict(run, str(tmp_path / "some.npy"), root=run)
    assert result.csv is not None
    assert len(rows_of(result.csv)) == 3


@pytest.mark.parametrize(
    ("stage", "what", "shape"),
    [
        (None, "output", (1797, 6)),
        ("edges", "output", (1797, 36)),
        ("edges", "pooled", (1797, 36)),
        ("edges", "code", (1797, 144)),
    ],
)
def test_features_are_those_of_the_stack(
    trained: Path, tmp_path: Path, stage: str | None, what: Any, shape: tuple[int, int]
) -> None:
    out = tmp_path / "features.npy"
    result = encode(trained, "digits", root=trained, out=out, stage=stage, what=what)
    found = np.load(out)
    assert found.shape == result.shape == shape
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    with torch.no_grad():
        expected = load_stack(trained).stack.encode(digits()[0], stage=stage, what=what)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-6)
    rows = rows_of((tmp_path / "features.index.csv").read_text())
    assert [row["label"] for row in rows] == [str(k) for k in digits()[1]]
    assert (result.stage, result.what) == (stage or "parts", what)


def test_a_head_has_features_of_its_own(trained: Path, tmp_path: Path) -> None:
    for name, head in (("run", None), ("head", "default")):
        encode(trained, "digits", root=trained, out=tmp_path / f"{name}.npy", head=head)
    own, tuned = np.load(tmp_path / "run.npy"), np.load(tmp_path / "head.npy")
    assert not np.allclose(own, tuned)
    stack = load_classifier(trained / "heads/default/model.safetensors").classifier.stack
    with torch.no_grad():
        expected = stack.encode(digits()[0]).numpy()
    np.testing.assert_allclose(tuned, expected, rtol=1e-5, atol=1e-6)


def test_a_parquet_table_holds_the_same(trained: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    asked: dict[str, Any] = {"root": trained, "stage": "edges", "what": "pooled"}
    encode(trained, "digits", out=tmp_path / "f.npy", **asked)
    result = encode(trained, "digits", out=tmp_path / "f.parquet", **asked)
    assert result.index is None
    table = parquet.read_table(tmp_path / "f.parquet")
    assert table.column_names == ["image", "label", "features"]
    assert str(table.schema.field("features").type) == "fixed_size_list<element: float>[36]"
    rows = rows_of((tmp_path / "f.index.csv").read_text())
    assert table["image"].to_pylist() == [row["image"] for row in rows]
    assert table["label"].to_pylist() == [row["label"] for row in rows]
    found = np.array(table["features"].to_pylist(), dtype=np.float32)
    assert np.array_equal(found, np.load(tmp_path / "f.npy"))
    np.save(tmp_path / "bare.npy", digits()[0][:5].numpy())
    encode(trained, str(tmp_path / "bare.npy"), root=trained, out=tmp_path / "bare.parquet")
    bare = parquet.read_table(tmp_path / "bare.parquet")
    assert (bare.column_names, bare.num_rows) == (["image", "features"], 5)


def test_parquet_without_pyarrow_is_refused_before_any_work(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pyarrow is not .*'featlearn\[tables\]'"):
        encode(trained, "nowhere", root=trained, out=tmp_path / "f.parquet")
    assert list(tmp_path.iterdir()) == []


def test_images_without_labels_are_listed_without(trained: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "bare.npy", digits()[0][:5].numpy())
    encode(trained, str(tmp_path / "bare.npy"), root=trained, out=tmp_path / "f.npy")
    assert (tmp_path / "f.index.csv").read_text() == "image\n0\n1\n2\n3\n4\n"


def test_what_cannot_be_encoded_is_named(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--out must end in .npy or .parquet; got .*features.csv"):
        encode(trained, "digits", root=trained, out=tmp_path / "features.csv")
    with pytest.raises(UsageError, match="there is no stage 'egdes'; the stages are edges, parts"):
        encode(trained, "digits", root=trained, out=tmp_path / "f.npy", stage="egdes")
    with pytest.raises(UsageError, match="stage 'parts' has no pooling"):
        encode(trained, "digits", root=trained, out=tmp_path / "f.npy", what="pooled")
    wrong: Any = "input"
    with pytest.raises(UsageError, match="what is one of code, pooled, output; got 'input'"):
        encode(trained, "digits", root=trained, out=tmp_path / "f.npy", what=wrong)
    assert list(tmp_path.iterdir()) == []


def test_images_of_another_shape_are_refused(trained: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "large.npy", np.zeros((3, 3, 9, 8), np.float32))
    for use in (predict, evaluate_given):
        with pytest.raises(ShapeError, match=r"images of 3 maps of 9x8; the network takes 1 map"):
            use(trained, str(tmp_path / "large.npy"), root=trained)


def test_what_a_recipe_could_set_is_no_advice_to_who_uses_a_run(
    trained: Path, tmp_path: Path
) -> None:
    (tmp_path / "mixed").mkdir()
    for side in (8, 9):
        Image.new("L", (side, 8)).save(tmp_path / f"mixed/{side}.png")
    said = r"mixed.9.png is 8 x 9; the network takes 1 map of 8x8: bring the images to that first"
    with pytest.raises(ShapeError, match=said) as refused:
        predict(trained, str(tmp_path / "mixed"), root=trained)
    assert "set `data." not in str(refused.value)


@pytest.mark.parametrize("edited", ["recipe.toml", "heads/default/recipe.toml"])
def test_a_recipe_that_was_edited_since_is_refused(run: Path, tmp_path: Path, edited: str) -> None:
    path = run / edited
    before = path.read_text()
    path.write_text(before.replace("batch = 50", "batch = 25"))
    using: list[Callable[[], Any]] = [
        lambda: evaluate(run, root=run),
        lambda: predict(run, "digits", root=run),
        lambda: encode(run, "digits", root=run, out=tmp_path / "x.npy", head="default"),
    ]
    if edited == "recipe.toml":
        using += [
            lambda: encode(run, "digits", root=run, out=tmp_path / "x.npy"),
            lambda: finetune(run, root=run, name="more"),
            lambda: sweep_labels(run, labels=[20], root=run),
            lambda: report([run], root=run),
            lambda: load_stack(run),
        ]
    for use in using:
        with pytest.raises(CheckpointError, match=rf"{edited} is not the file that .*; restore it"):
            use()
    path.unlink()
    with pytest.raises(CheckpointError, match=rf"{edited} is missing: training wrote it, .*"):
        evaluate(run, root=run)
    path.write_text(before)
    assert evaluate(run, root=run).images == 500


def test_an_edited_recipe_is_replaced_with_its_run(run: Path) -> None:
    path = run / "recipe.toml"
    path.write_text(path.read_text().replace("seed = 0", "") + "\n# mine\n")
    pretrain(load_recipe(path), out=run, root=run, overwrite=True)
    finetune(run, root=run, labels=20)
    path = run / "heads/default/recipe.toml"
    path.write_text("edited")
    finetune(run, root=run, labels=20, overwrite=True)
    assert evaluate(run, root=run).images == 500


def evaluate_given(path: Path, source: str, *, root: Path) -> Any:
    return evaluate(path, root=root, source=source)


def test_the_default_of_several_heads_is_meant(run: Path) -> None:
    finetune(run, root=run, name="other", labels=20)
    assert evaluate(run, root=run).head == "default"
    assert evaluate(run, root=run, head="other").head == "other"
    with pytest.raises(UsageError, match="has no head 'third'; it has default, other"):
        predict(run, "digits", root=run, head="third")

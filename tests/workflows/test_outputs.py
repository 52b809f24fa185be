"""Files that commands write: never over what is read."""

from pathlib import Path

import numpy as np
import pytest

from featlearn.errors import UsageError
from featlearn.filenames import OWN_FILES
from featlearn.workflows.data import inspect_data
from featlearn.workflows.describe import describe_source
from featlearn.workflows.encode import encode
from featlearn.workflows.outputs import check_apart
from featlearn.workflows.predict import predict

TAKEN = "(is read itself|belongs to .*, which is read); write elsewhere"


@pytest.mark.parametrize("split", ["", ":train", ":test"])
def test_a_source_is_not_written_over(tmp_path: Path, split: str) -> None:
    images = tmp_path / "images.npy"
    images.touch()
    with pytest.raises(
        UsageError,
        match=r"images\.npy " + TAKEN,
    ):
        check_apart(images, source=f"{images}{split}")
    with pytest.raises(UsageError, match=TAKEN):
        check_apart(tmp_path / "other.npy", tmp_path / "deep" / "x.npy", source=str(tmp_path))
    check_apart(tmp_path / "images.csv", source=f"{images}{split}")
    check_apart(tmp_path / "images.npy.csv", tmp_path.parent / "x.npy", source=str(images))


def test_links_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (tmp_path / "way").symlink_to(folder)
    with pytest.raises(UsageError, match=TAKEN):
        check_apart(tmp_path / "way" / "x.png", source=str(folder))
    with pytest.raises(UsageError, match=TAKEN):
        check_apart(folder / "x.png", source=str(tmp_path / "way"))
    monkeypatch.chdir(folder)
    with pytest.raises(UsageError, match=TAKEN):
        check_apart(Path("x.png"), source="../way")
    (tmp_path / "loop").symlink_to("loop")
    check_apart(tmp_path / "loop", source=str(folder))


def test_a_known_set_lies_under_the_root(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="belongs to mnist:test"):
        check_apart(tmp_path / "mnist" / "x.npy", source="mnist:test", root=tmp_path)
    check_apart(tmp_path / "x.npy", source="mnist", root=tmp_path)


@pytest.mark.parametrize("name", OWN_FILES)
def test_what_a_run_holds_is_not_written_over(tmp_path: Path, name: str) -> None:
    for path in (tmp_path / name, tmp_path / name / "x.npy"):
        with pytest.raises(UsageError, match=TAKEN):
            check_apart(path, run=tmp_path)
    check_apart(tmp_path / "features.npy", run=tmp_path)  # as a run's card advises
    check_apart(tmp_path.parent / name, run=tmp_path)


def test_no_command_replaces_what_it_reads(trained: Path, tmp_path: Path) -> None:
    images = tmp_path / "images.npy"
    np.save(images, np.random.default_rng(0).random((6, 8, 8)).astype(np.float32))
    picture = tmp_path / "one.png"
    inspect_data(str(images), root=tmp_path, out=picture)
    recipe = tmp_path / "recipe.svg"
    recipe.write_bytes((trained / "recipe.toml").read_bytes())
    kept = {path: path.read_bytes() for path in (images, picture, recipe)}
    with pytest.raises(UsageError, match=TAKEN):
        encode(trained, str(images), out=images, overwrite=True)
    with pytest.raises(UsageError, match=TAKEN):
        predict(trained, str(images), out=images, overwrite=True)
    with pytest.raises(UsageError, match=TAKEN):
        predict(trained, str(images), out=trained / "model.safetensors", overwrite=True)
    with pytest.raises(UsageError, match=TAKEN):
        inspect_data(str(picture), root=tmp_path, out=picture, overwrite=True)
    with pytest.raises(UsageError, match=TAKEN):
        describe_source(recipe, root=tmp_path, figure=recipe, overwrite=True)
    with pytest.raises(UsageError, match=TAKEN):
        describe_source(trained, root=tmp_path, figure=trained / "report" / "x.svg")
    assert {path: path.read_bytes() for path in kept} == kept


@pytest.mark.parametrize("name", ["model.safetensors", "c.jpg", "png"])
def test_a_sheet_is_a_png_by_its_name(tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    out.write_bytes(b"kept")
    with pytest.raises(UsageError, match=r"must end in \.png"):
        inspect_data("digits", root=tmp_path, out=out, overwrite=True)
    assert out.read_bytes() == b"kept"

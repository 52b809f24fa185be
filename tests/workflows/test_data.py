import hashlib
import http.server
import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from featlearn.config.data import DataSpec
from featlearn.config.load import load_recipe
from featlearn.config.recipe import Recipe
from featlearn.datasets import catalogue
from featlearn.datasets.catalogue import KNOWN, RemoteFile
from featlearn.errors import DataError, ShapeError, UsageError
from featlearn.workflows.data import Inspected, Surveyed, fetch_data, inspect_data, list_data


def save(path: Path, images: np.ndarray, labels: np.ndarray | None = None) -> str:
    np.savez(path, x=images) if labels is None else np.savez(path, x=images, y=labels)
    return str(path)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def inspected(source: str, **options: Any) -> Inspected:
    found = inspect_data(source, **options)
    assert isinstance(found, Inspected)
    return found


def test_the_list_is_the_catalogue(tmp_path: Path) -> None:
    found = list_data(tmp_path)
    assert [row.name for row in found.sets] == list(KNOWN)
    mnist = next(row for row in found.sets if row.name == "mnist")
    assert (mnist.shape, mnist.classes, mnist.present) == ((1, 28, 28), 10, False)
    assert mnist.size == sum(file.size for file in KNOWN["mnist"].files)
    assert [row.name for row in found.sets if row.bundled] == ["digits", "photographs"]
    assert [row.name for row in found.sets if row.present] == ["digits", "photographs"]


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    """Serve the folder `web` on this machine."""
    folder = tmp_path / "web"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_fetching_says_where_the_set_is(
    tmp_path: Path, mirror: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = b"pictures"
    (tmp_path / "web" / "a.gz").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    files = (RemoteFile(name="a.gz", size=len(data), sha256=digest),)
    small = msgspec.structs.replace(KNOWN["mnist"], files=files)
    monkeypatch.setattr(catalogue, "KNOWN", {"mnist": small})
    told: list[tuple[str, int, int]] = []
    found = fetch_data(
        "mnist",
        root=tmp_path / "root",
        mirror=mirror,
        progress=lambda name, done, size: told.append((name, done, size)),
    )
    assert (found.name, found.size) == ("mnist", len(data))
    assert found.path is not None
    assert (Path(found.path) / "a.gz").read_bytes() == data
    assert told[-1] == ("a.gz", len(data), len(data))


def test_what_cannot_be_fetched(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean mnist"):
        fetch_data("mnst", root=tmp_path)


def test_what_is_bundled_is_there_already(tmp_path: Path) -> None:
    found = fetch_data("digits", root=tmp_path)
    assert (found.path, found.size, list(tmp_path.iterdir())) == (None, 0, [])
    assert found.note == "it comes with scikit-learn, and is here without a download"


def test_a_source_that_no_run_could_record_is_not_called_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    save(folder / "x.npz", noise(20, 8, 8))
    monkeypatch.chdir(folder)
    said = r"x\.npz lies in '.*caf.*x\.npz', a path that is not in UTF-8; rename a folder"
    with pytest.raises(DataError, match=said):
        inspect_data("x.npz", root=tmp_path)
    with pytest.raises(DataError, match=said):
        load_recipe("dense", overrides=["data.source=x.npz"])
    assert inspected("digits", root=tmp_path).images == 1797


def test_a_sound_source_has_no_warnings(tmp_path: Path) -> None:
    found = inspected("digits", root=tmp_path)
    assert (found.images, found.shape, found.warnings) == (1797, (1, 8, 8), [])
    assert found.source == "digits"
    assert found.sheet is None


def test_constant_and_repeated_images_are_named(tmp_path: Path) -> None:
    images = noise(20, 1, 5, 5)
    images[3] = 7
    images[9] = images[2]
    source = save(tmp_path / "x.npz", images)
    found = inspected(source, root=tmp_path)
    assert found.warnings == [
        "1 of 20 images have one value everywhere (image 3)",
        "1 of 20 images repeat another (image 9): one may be learned from, and its twin tested on",
    ]


def test_values_beyond_0_and_1_are_named(tmp_path: Path) -> None:
    images = np.linspace(-2, 5, 100, dtype=np.float32).reshape(4, 1, 5, 5)
    found = inspected(save(tmp_path / "x.npz", images), root=tmp_path)
    (said,) = found.warnings
    assert said.startswith("values reach from -2 to 5; floating-point images are taken as they are")


def test_one_class_and_small_classes_are_named(tmp_path: Path) -> None:
    one = save(tmp_path / "one.npz", noise(12, 1, 5, 5), np.zeros(12, np.int64))
    assert inspected(one, root=tmp_path).warnings == ["all images are of one class, '0'"]
    few = save(tmp_path / "few.npz", noise(12, 1, 5, 5), np.array([0] * 11 + [1]))
    assert inspected(few, root=tmp_path).warnings == [
        "1 of 2 classes have fewer than 10 images, such as '1' with 1"
    ]


def test_the_sheet_is_a_picture(tmp_path: Path) -> None:
    out = tmp_path / "new" / "sheet.png"
    found = inspected("digits", root=tmp_path, out=out)
    assert found.sheet == str(out)
    with Image.open(out) as sheet:
        assert min(sheet.size) > 100


def recipe(tiny: Callable[..., Recipe], **changes: Any) -> Recipe:
    change = {"augment": [{"kind": "cut-out", "size": 3}]}
    return tiny(**{"finetune": change, **changes})


def test_the_sheet_shows_what_augmentation_does(
    tmp_path: Path, tiny: Callable[..., Recipe]
) -> None:
    plain, out = tmp_path / "plain.png", tmp_path / "augmented.png"
    inspect_data("digits", root=tmp_path, out=plain)
    found = inspected("digits", root=tmp_path, out=out, augment=recipe(tiny))
    assert (found.sheet, found.shape) == (str(out), (1, 8, 8))
    assert out.read_bytes() != plain.read_bytes()
    again = tmp_path / "again.png"
    inspect_data("digits", root=tmp_path, out=again, augment=recipe(tiny))
    assert out.read_bytes() == again.read_bytes()
    inspect_data("digits", root=tmp_path, out=again, augment=recipe(tiny, seed=1), overwrite=True)
    assert out.read_bytes() != again.read_bytes()


def test_images_take_the_size_of_the_recipe_unless_told_otherwise(
    tmp_path: Path, tiny: Callable[..., Recipe]
) -> None:
    out = tmp_path / "sheet.png"
    small = recipe(tiny, data={"size": [6, 5], "fit": "crop"})
    found = inspected("digits", root=tmp_path, out=out, augment=small)
    assert (found.images, found.shape) == (1797, (1, 6, 5))
    spec = DataSpec(source="digits", colour="rgb")
    found = inspected("digits", root=tmp_path, spec=spec, out=out, augment=small, overwrite=True)
    assert found.shape == (3, 8, 8)


def test_what_cannot_be_augmented_or_shown(tmp_path: Path, tiny: Callable[..., Recipe]) -> None:
    with pytest.raises(UsageError, match="say where with --out"):
        inspect_data("digits", root=tmp_path, augment=recipe(tiny))
    out = tmp_path / "sheet.png"
    with pytest.raises(UsageError, match="'Tiny' augments nothing"):
        inspect_data("digits", root=tmp_path, augment=tiny(), out=out)
    large = recipe(tiny, finetune={"augment": [{"kind": "cut-out", "size": 9}]})
    with pytest.raises(ShapeError, match="9 x 9 pixels is larger than images of 8 x 8"):
        inspect_data("digits", root=tmp_path, augment=large, out=out)
    assert not out.exists()


def test_a_folder_of_mixed_sizes_is_described_and_needs_a_policy(
    tmp_path: Path, tiny: Callable[..., Recipe]
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for place, side in enumerate((6, 8)):
        Image.fromarray(noise(side, side)).save(folder / f"{place}.png")
    found = inspect_data(str(folder), root=tmp_path)
    assert isinstance(found, Surveyed)
    assert (found.source, found.images) == (str(folder), 2)
    assert [kind.name for kind in found.sizes] == ["6x6", "8x8"]
    assert "set `data.size`" in found.refusal
    spec = DataSpec(source=str(folder), size=(6, 6), fit="crop")
    assert inspected(str(folder), root=tmp_path, spec=spec).shape == (1, 6, 6)
    with pytest.raises(DataError, match=r"set `data\.size`"):  # there is a sheet to draw
        inspect_data(str(folder), root=tmp_path, out=tmp_path / "x.png", augment=recipe(tiny))


def test_the_error_stands_where_nothing_is_mixed(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(noise(6, 8)).save(folder / "1.png")
    spec = DataSpec(source=str(folder), size=(9, 9), fit="crop")
    with pytest.raises(DataError, match="cannot be cut out of it"):
        inspect_data(str(folder), root=tmp_path, spec=spec)


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        inspect_data(str(tmp_path / "nowhere"), root=tmp_path)

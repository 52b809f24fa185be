"""The known sets of faces: the real files, and what is no such file."""

import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from featlearn.datasets.catalogue import fetch
from featlearn.datasets.entries import KNOWN
from featlearn.datasets.known import is_present, open_known
from featlearn.datasets.known_faces import judged_scenes, learned_scenes, open_olivetti
from featlearn.errors import DataError


def test_a_column_is_a_portrait_column_by_column(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (400, 64, 64), np.uint8)
    folder = tmp_path / "faces-olivetti"
    folder.mkdir()
    savemat(folder / "olivettifaces.mat", {"faces": pictures.transpose(0, 2, 1).reshape(400, -1).T})
    train = open_known("faces-olivetti", root=tmp_path).train
    assert isinstance(train.images, np.ndarray)
    assert np.array_equal(train.images, pictures[:, None])
    assert train.labels is not None
    assert train.ids is not None
    assert (train.classes[train.labels[395]], train.ids[395]) == ("person-40", "person-40/6")


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 MAT-file" + bytes(200), bytes(500)])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "faces-olivetti"
    folder.mkdir()
    (folder / "olivettifaces.mat").write_bytes(content)
    with pytest.raises(DataError, match=r"olivettifaces\.mat cannot be read as MATLAB's file"):
        open_known("faces-olivetti", root=tmp_path)
    savemat(folder / "olivettifaces.mat", {"faces": np.zeros((4096, 3), np.uint8)})
    with pytest.raises(DataError, match=r"\(4096, 3\) in uint8; \(4096, 400\) in uint8 was exp"):
        open_known("faces-olivetti", root=tmp_path)


def test_a_newer_file_of_matlab_is_told_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "olivettifaces.mat"
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(400))
    with pytest.raises(DataError, match=r"of MATLAB 7\.3 \(HDF5\), .* fetch faces-olivetti` gives"):
        open_olivetti(path)


def test_scenes_need_their_parts(tmp_path: Path) -> None:
    assert not is_present("faces-in-scenes", tmp_path)
    with pytest.raises(DataError, match=r"faces-olivetti is not under the data root"):
        open_known("faces-in-scenes", root=tmp_path)
    with pytest.raises(DataError, match=r"is made of faces-cbcl, faces-olivetti and|fetch these"):
        fetch("faces-in-scenes", root=tmp_path)


@pytest.mark.data("faces-olivetti", "faces-cbcl", "natural-bsds500")
def test_learned_and_judged_scenes_share_nobody_and_no_picture() -> None:
    root = Path(os.environ["FEATLEARN_DATA"])
    opened = partial(open_known, root=root)
    learned = learned_scenes(opened, share=0.2, count=300)
    scenes = judged_scenes(opened, "third")
    assert is_present("faces-in-scenes", root)
    known = KNOWN["faces-in-scenes"]
    assert (len(scenes.images), scenes.faces.sum()) == (known.test, 4 * 200)
    assert scenes.faces.mean() == pytest.approx(1 - 0.648, abs=0.001)
    there = {id_.split("/")[0] for id_ in learned.ids}
    here = {id_.split("/")[0] for id_ in scenes.ids}
    assert not there & here
    assert {name for name in here if name.startswith("person")} == {
        f"person-{number}" for number in range(21, 41)
    }
    again = judged_scenes(opened, "third")
    assert np.array_equal(scenes.images, again.images)


@pytest.mark.data("faces-cbcl")
def test_the_crops_are_as_many_as_the_catalogue_says() -> None:
    train = open_known("faces-cbcl", root=Path(os.environ["FEATLEARN_DATA"])).train
    known = KNOWN["faces-cbcl"]
    assert (train.count, train.classes) == (known.train, known.class_names)
    assert train.labels is not None
    assert np.bincount(train.labels).tolist() == [2429, 4548]

"""Scenes: who is in them, what is cut out of what, and what is drawn for both."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from featlearn.datasets.pasting import Jitter
from featlearn.datasets.pictures import open_folder
from featlearn.datasets.raw import RawSet
from featlearn.datasets.scenes import (
    SIDE,
    SIZE,
    Faces,
    aligned_faces,
    judged,
    mixture,
    scene_crops,
    without_people,
)
from featlearn.errors import DataError

STILL = Jitter(0.0, 0.0, (1.0, 1.0))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 3) -> list[tuple[str, Tensor]]:
    noise = torch.rand(count, 1, 70, 90, generator=generator(5))
    return [(f"picture-{place}", pixels) for place, pixels in enumerate(noise)]


def faces(people: int = 4) -> Faces:
    patches = torch.rand(people, 1, SIDE, SIDE, generator=generator(6))
    return Faces(patches, tuple(f"person-{place}" for place in range(people)))


def test_windows_come_from_their_picture() -> None:
    flat = [
        (name, torch.rand(1, 40, 40) * 0.4 + 0.3 * place)
        for place, (name, _) in enumerate(pictures(2))
    ]
    crops, names = scene_crops(flat, 50, generator=generator())
    assert crops.shape == (50, 1, SIZE, SIZE)
    assert set(names) == {"picture-0", "picture-1"}
    for crop, name in zip(crops, names, strict=True):
        assert float(crop.mean()) == pytest.approx(0.2 if name == "picture-0" else 0.5, abs=0.05)


@pytest.mark.parametrize("found", [[], [("flat", torch.full((1, 64, 64), 0.5))]])
def test_pictures_without_contrast_end_the_search(found: list[tuple[str, Tensor]]) -> None:
    with pytest.raises(DataError, match="no windows with enough contrast"):
        scene_crops(found, 4, generator=generator())


def test_a_share_of_the_scenes_holds_a_face() -> None:
    with_faces, without = (
        mixture(pictures(), faces(), count=60, share=share, jitter=STILL, generator=generator())
        for share in (0.25, 0.0)
    )
    assert (with_faces.faces.sum(), without.faces.sum()) == (15, 0)
    same = (with_faces.images == without.images).all(axis=(1, 2, 3))
    assert np.array_equal(same, ~with_faces.faces)
    for id_, face in zip(with_faces.ids, with_faces.faces, strict=True):
        assert id_.startswith("person-" if face else "picture-")
    assert len({*with_faces.ids}) == 60


def test_the_judged_scenes_have_broken_faces_among_the_others() -> None:
    scenes = judged(
        pictures(), faces(), repeats=5, majority=0.75, jitter=STILL, generator=generator()
    )
    assert (len(scenes.images), scenes.faces.sum()) == (80, 20)
    assert scenes.faces[:20].all()
    people = [id_.split("/")[0] for id_ in scenes.ids]
    assert people[:4] == [f"person-{place}" for place in range(4)]
    # A quarter of the 60 others are shuffled, a quarter scrambled, the rest as they were cut.
    assert all(name.startswith("person") for name in people[:50])
    assert all(name.startswith("picture") for name in people[50:])


def test_portraits_are_cut_and_brought_to_size() -> None:
    images = np.zeros((2, 1, 52, 48), np.uint8)
    images[:, :, 6:46, 4:44] = 255
    cut = aligned_faces(images, ["a", "b"], rows=slice(6, 46), columns=slice(4, 44))
    assert cut.patches.shape == (2, 1, SIDE, SIDE)
    assert float(cut.patches.min()) == pytest.approx(1)
    assert cut.of(lambda name: name == "b").people == ("b",)
    assert len(cut.of(lambda _: False).patches) == 0


def test_pictures_with_people_are_left_out(tmp_path: Path, encode: Callable[..., bytes]) -> None:
    for name in ("15004", "100075", "2"):
        (tmp_path / f"{name}.png").write_bytes(encode(np.full((40, 50, 3), 51, np.uint8), "PNG"))
    raw: RawSet = open_folder(tmp_path).train
    chosen = without_people(raw)
    assert [name for name, _ in chosen] == ["2", "100075"]
    torch.testing.assert_close(chosen[0][1], torch.full((1, 40, 50), 0.2))

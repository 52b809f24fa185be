"""Files of figures: their version is looked at before all else."""

from pathlib import Path

import msgspec
import pytest

from featlearn.errors import CheckpointError
from featlearn.networks.formats import FORMAT, check_format, read_figures


class Figures(msgspec.Struct):
    loss: float


def test_figures_are_read_with_and_without_a_version(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    for text in ('{"loss": 0.5}', f'{{"format": {FORMAT}, "loss": 0.5, "more": []}}'):
        path.write_text(text)
        assert read_figures(path, Figures) == Figures(0.5)


def test_another_version_is_named_before_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(f'{{"format": {FORMAT + 1}, "losses": [0.5]}}')
    with pytest.raises(CheckpointError, match=r"results.json has format version 2; .* a newer"):
        read_figures(path, Figures)
    with pytest.raises(CheckpointError, match=r"version 0; this featlearn reads version 1$"):
        check_format(FORMAT - 1, path)
    check_format(FORMAT, path)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"loss": "x"}', b"\xff", b"[" * 100_000])
def test_what_is_damaged_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "results.json"
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"results.json is damaged .*; run the command that"):
        read_figures(path, Figures)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"results.json is missing; run the command that"):
        read_figures(tmp_path / "results.json", Figures)

"""A small recipe in a file of its own."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Copy the small recipe where a test may change it."""
    return Path(shutil.copy(Path(__file__).with_name("small.toml"), tmp_path))

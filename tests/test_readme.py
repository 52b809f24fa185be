"""The README's Python runs as it stands there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

README = Path(__file__).parents[1] / "README.md"


def test_the_lines_of_python_run(run_page: Callable[[Path], list[Any]]) -> None:
    (block,) = run_page(README)
    error, shape = block.printed.splitlines()
    assert 0 < float(error) < 0.3
    assert shape.startswith("['strokes', 'digits'] ")

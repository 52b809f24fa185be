"""The README's Python runs as it stands there."""

import contextlib
import io
import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


def test_the_lines_of_python_run(empty_folder: Path) -> None:
    assert empty_folder == Path.cwd()
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    assert len(blocks) == 1
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(blocks[0], str(README), "exec"), {})
    error, shape = printed.getvalue().splitlines()
    assert 0 < float(error) < 0.3
    assert shape.startswith("['strokes', 'digits'] ")


@pytest.mark.parametrize("target", re.findall(r"\]\((?!https?:)([^)#]+)", README.read_text()))
def test_what_it_links_to_exists(target: str) -> None:
    assert (README.parent / target).exists()

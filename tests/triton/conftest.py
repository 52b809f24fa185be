"""Triton's kernels run here by its interpreter, on the processor."""

import importlib
import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).parent
_MISSING = (
    "needs Triton; `scripts/test --triton` installs it"
    if importlib.util.find_spec("triton") is None
    else "needs TRITON_INTERPRET=1; `scripts/test --triton` sets it"
    if os.environ.get("TRITON_INTERPRET") != "1"
    else None
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip all that is here where it cannot be interpreted, with the reason."""
    if _MISSING is None:
        return
    for item in items:
        if _HERE in item.path.parents and item.get_closest_marker("gpu") is None:
            item.add_marker(pytest.mark.skip(reason=_MISSING))


@pytest.fixture(autouse=True)
def _exact_bfloat16(  # pyright: ignore[reportUnusedFunction]
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let the interpreter multiply bfloat16, of which it takes the bits for whole numbers."""
    if request.node.get_closest_marker("gpu") is not None:
        return
    language = importlib.import_module("triton.language")
    builder = importlib.import_module("triton.runtime.interpreter").InterpreterBuilder
    multiply = builder.create_dot

    def create_dot(self: Any, a: Any, b: Any, *rest: Any) -> Any:
        if a.dtype.scalar == language.bfloat16:
            a, b = (self.create_fp_ext(part, language.float32) for part in (a, b))
        return multiply(self, a, b, *rest)

    monkeypatch.setattr(builder, "create_dot", create_dot)

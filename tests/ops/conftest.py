"""What the tests of the operations share."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _same_draws() -> None:  # pyright: ignore[reportUnusedFunction]
    """Draw the same numbers in whatever order tests are run."""
    torch.manual_seed(0)

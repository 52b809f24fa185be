"""Keeping libraries from talking, where what they say is said better by us."""

import logging
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def quiet(name: str, *, below: int) -> Generator[None]:
    """Keep a logger, and those under it, from anything less grave than a level.

    Args:
        name: The logger.
        below: One of logging's levels.
    """
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(below)
    try:
        yield
    finally:
        logger.setLevel(level)

"""Saying that a set is made before it can be learned from."""

from collections.abc import Iterable

from featlearn.datasets.entries import KNOWN
from featlearn.training.progress import Progress


def tell_what_is_made(sources: Iterable[str], progress: Progress) -> None:
    """Say which sets are put together of others when they are opened, as that takes a while.

    Args:
        sources: Of recipes, each told of once.
        progress: Is told.
    """
    for source in dict.fromkeys(sources):
        known = KNOWN.get(source.partition(":")[0])
        if known is not None and known.parts:
            progress.note(f"making {source} of {', '.join(known.parts)}")

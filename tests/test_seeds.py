import hashlib

import numpy as np
import pytest

from featlearn.seeds import derive


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("[0]", (0,)),
        ('[7,"noise",3,12]', (7, "noise", 3, 12)),
        ('[1,"\\u00e9"]', (1, "é")),
    ],
)
def test_is_the_top_63_bits_of_the_hash_of_the_path(
    text: str, arguments: tuple[int | str, ...]
) -> None:
    digest = int(hashlib.sha256(text.encode("ascii")).hexdigest(), 16)
    seed, *path = arguments
    assert isinstance(seed, int)
    assert derive(seed, *path) == digest >> (256 - 63)


def test_stays_what_it_was() -> None:
    # Runs are repeated from their seeds: this number may never change.
    assert derive(0, "order", 0) == 8257676712268907911


def test_paths_that_look_alike_have_seeds_of_their_own() -> None:
    seeds = {
        derive(0),
        derive(0, 0),
        derive(0, "0"),
        derive(0, "a", "b"),
        derive(0, "a/b"),
        derive(0, 'a","b'),
        derive(0, "ab"),
        derive(0, 1, 23),
        derive(0, 12, 3),
    }
    assert len(seeds) == 9


def test_takes_the_integers_of_numpy() -> None:
    assert derive(0, int(np.int64(5))) == derive(0, np.int64(5))  # pyright: ignore[reportArgumentType]

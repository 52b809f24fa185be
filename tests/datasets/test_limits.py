import pytest

from featlearn.datasets.limits import MAX_SET_BYTES, check_set_bytes, human_bytes
from featlearn.errors import DataError


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (9_912_422, "9.9 MB"), (3e15, "3000.0 TB")],
)
def test_bytes_are_written_as_people_say_them(count: float, text: str) -> None:
    assert human_bytes(count) == text


def test_a_set_may_take_as_much_as_the_limit() -> None:
    check_set_bytes(MAX_SET_BYTES, name="pets")
    with pytest.raises(DataError, match=r"pets would take 17.2 GB.*`data.limit`"):
        check_set_bytes(MAX_SET_BYTES + 1, name="pets")

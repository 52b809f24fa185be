import pytest

from featlearn.datasets import limits
from featlearn.datasets.limits import (
    FREE_BYTES,
    MAX_RATIO,
    MAX_SET_BYTES,
    check_expansion,
    check_set_bytes,
    free_memory,
    whole_memory,
)
from featlearn.errors import DataError


def test_a_set_may_take_as_much_as_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "free_memory", lambda: None)
    check_set_bytes(MAX_SET_BYTES, name="pets")
    with pytest.raises(DataError, match=r"pets would take 17.2 GB.*`data.limit`"):
        check_set_bytes(MAX_SET_BYTES + 1, name="pets")


def test_a_set_may_take_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "free_memory", lambda: 5_000_000)
    check_set_bytes(5_000_000, name="pets")
    with pytest.raises(DataError, match=r"6.0 MB of memory, more than the 5.0 MB that are free"):
        check_set_bytes(6_000_000, name="pets")


def test_free_memory_is_a_part_of_the_whole() -> None:
    free, whole = free_memory(), whole_memory()
    assert free is not None
    assert whole is not None
    assert 2**20 < free <= whole


def test_a_large_file_may_expand_within_reason() -> None:
    packed = 2 * FREE_BYTES // MAX_RATIO
    check_expansion(FREE_BYTES, 10, name="pets")
    check_expansion(packed * MAX_RATIO, packed, name="pets")
    with pytest.raises(DataError, match=r"pets \(1.3 MB\) would unpack to 268.4 MB.*zip bomb"):
        check_expansion(packed * MAX_RATIO + 1, packed, name="pets")

"""Errors are one line, whatever they quote."""

import pytest

from featlearn.errors import DataError, FeatlearnError, MissingExtraError, visible


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("class '\x1b[31mcat\x1b[0m'", r"class '\x1b[31mcat\x1b[0m'"),
        ("a\nb\r\n\tc", r"a\nb\r\n\tc"),
        ("\0\x7f\x85", r"\x00\x7f\x85"),
        ("\ud800", r"\ud800"),
        ("„Öl“ \u202f λ 猫 \\n", "„Öl“ \u202f λ 猫 \\n"),
        ("", ""),
    ],
)
def test_control_characters_are_escaped_and_nothing_else(raw: str, shown: str) -> None:
    assert visible(raw) == shown
    assert str(DataError(raw)) == shown
    assert f"{FeatlearnError(raw)}" == shown
    shown.encode()


def test_what_was_given_is_kept() -> None:
    assert DataError("a\nb").args == ("a\nb",)
    assert str(MissingExtraError("x", extra="y")).startswith("x is not installed")

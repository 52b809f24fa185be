"""Numbers and hints as people read them, in messages, tables and pages alike."""

import difflib
from collections.abc import Iterable

METHODS = {
    "pretrained": "pre-trained",
    "scratch": "from scratch",
    "pixels": "linear on pixels",
}
"""What the methods of a comparison are called."""

_ABOUT = 0.06
"""How much less like a wrong name others may be that are suggested with the closest one."""

_FEW = 100
"""On fewer images an accuracy moves by more than a point with each of them."""


def duration(seconds: float) -> str:
    """Write a time in the two units that matter: `0.4 s`, `35 s`, `2 min 5 s`, `1 h 3 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def percent(share: float, *, places: int = 2) -> str:
    """Write a share in [0, 1] in percent: `97.31 %`."""
    return f"{100 * share:.{places}f} %"


def human_bytes(count: float) -> str:
    """Write a number of bytes as people say it: `12.4 MB`."""
    count = min(count, 10**30)  # a header may claim more than a float can hold
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"


def count(number: int) -> str:
    """Write a whole number with its thousands apart."""
    return f"{number:,}".replace(",", "\u202f")


def decimal(number: float, *, places: int) -> str:
    """Write a number with so many places after the point, its thousands apart as in `count`."""
    return f"{number:,.{places}f}".replace(",", "\u202f")


def plural(number: int, noun: str) -> str:
    """Write a number with its noun."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def images_or_patches(number: int, *, pictures: int | None) -> str:
    """Write how many images there are: `96 images`, or `24 000 patches cut from 2 pictures`.

    Args:
        number: How many.
        pictures: How many pictures they are cut from; `None` where each is a whole one.
    """
    if pictures is None:
        return plural(number, "image")
    what = "patch" if number == 1 else "patches"
    return f"{count(number)} {what} cut from {plural(pictures, 'picture')}"


def caution(images: int) -> str | None:
    """Say how coarse an accuracy on few images is; nothing where they are enough."""
    if not 0 < images < _FEW:
        return None
    return f"only {plural(images, 'image')}: each is {100 / images:.1f} points of accuracy"


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """Write `; did you mean …?` if something known is close, else nothing.

    Up to three are named where they are about as close as the closest.
    """
    close = difflib.get_close_matches(wrong, list(dict.fromkeys(known)), n=3)
    likeness = [difflib.SequenceMatcher(a=name, b=wrong).ratio() for name in close]
    near = [name for name, each in zip(close, likeness, strict=True) if each > likeness[0] - _ABOUT]
    if not near:
        return ""
    *others, last = near
    return f"; did you mean {', '.join(others)} or {last}?" if others else f"; did you mean {last}?"

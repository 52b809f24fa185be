"""The sheet of a unit in a browser: its plots, in numbers, and where it leaves the focus."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

OpenPage = Callable[..., Any]
UNITS = "JSON.parse(document.getElementById('units').textContent)"


def stage(visit: Any) -> dict[str, Any]:
    """Give what the page knows of the first stage of the first run."""
    return visit.ask(UNITS)["runs"][0]["stages"][0]


def numbers(sheet: Any, column: int) -> list[float]:
    """Give a column of the table behind a sheet's histogram."""
    cells = sheet.locator(f"[data-slot=histogram] tbody tr td:nth-child({column})")
    return [float(cell.removesuffix(" %")) for cell in cells.all_text_contents()]


def test_a_histogram_shows_the_share_of_each_class(
    open_page: OpenPage, full_page: Path, tmp_path: Path
) -> None:
    data = open_page(full_page).ask(UNITS)
    run = data["runs"][1]
    known, bins = run["stages"][0], len(run["stages"][0]["histogram"][0])
    other, own = [970, 30] + [0] * (bins - 2), [0] * (bins - 2) + [1, 3]
    units, every = len(known["names"]), [sum(pair) for pair in zip(other, own, strict=True)]
    known |= {"histogram": [every] * units, "positive": [own] * units}
    known |= {"class": [1] * units, "sign": [1] * units}
    before, after = re.split(
        r"(?<=id=\"units\">).*?(?=</script>)", full_page.read_text(), flags=re.DOTALL
    )
    page = tmp_path / "changed.html"
    page.write_text(before + json.dumps(data).replace("<", "\\u003c") + after)
    visit = open_page(page, fragment=f"#unit={known['key']}/{known['names'][0]}")
    sheet = visit.page.locator("#sheet")
    assert numbers(sheet, 2) == other
    assert numbers(sheet, 3) == [97, 3] + [0] * (bins - 2)
    assert numbers(sheet, 4) == own
    assert numbers(sheet, 5) == [0] * (bins - 2) + [25, 75]
    slot = sheet.locator("[data-slot=histogram]")
    legend = slot.locator(".legend li").all_inner_texts()
    assert legend == ["others (1\u202f000 images)", f"{run['classes'][1]} (4 images)"]
    heights = (
        "(box, mark) => [...box.querySelectorAll('rect.' + mark)]"
        ".map((bar) => bar.height.baseVal.value)"
    )
    tall, rare = slot.evaluate(heights, "other"), slot.evaluate(heights, "own")
    assert rare[-1] == pytest.approx(tall[0] * 75 / 97)
    assert rare[-2] == pytest.approx(tall[0] * 25 / 97)
    assert slot.locator(".share").all_text_contents() == ["0 %", "25 %", "50 %", "75 %"]


def test_curves_have_a_scale_and_ends_that_go_on_are_said_to(
    open_page: OpenPage, full_page: Path
) -> None:
    known = stage(open_page(full_page))
    best = known["invariance"][0]["units"][0]
    fragment = f"#unit={known['key']}/{known['names'][best]}"
    curves = open_page(full_page, fragment=fragment).page.locator("[data-slot=invariance] .mini")
    said: list[bool] = []
    for place, change in enumerate(known["invariance"]):
        curve, row = curves.nth(place), change["units"].index(best)
        words = curve.locator("figcaption").inner_text()
        less, more = change["goesOn"][row]
        assert ("or less" in words, words.endswith("or more")) == (less, more)
        said += [less, more]
        ticks = curve.locator(".share").all_text_contents()
        assert ticks[0] == "0 %"
        assert "100 %" in ticks
        assert 2 <= len(ticks) <= 4
        assert curve.locator(".half").count() == 1
        assert curve.locator(".kept").count() == (change["kept"][row][0] is not None)
    assert any(said)
    assert not all(said)


@pytest.mark.parametrize("filtered", [False, True])
def test_a_sheet_that_its_address_opened_leaves_the_focus_in_the_gallery(
    open_page: OpenPage, full_page: Path, filtered: bool
) -> None:
    visit = open_page(full_page)
    known, box = stage(visit), visit.page.locator(".gallery").first
    shown = box.locator(".tile > span").all_text_contents()
    last = box.locator("li").last.get_attribute("data-unit")
    assert len(shown) < len(known["names"])  # the next is shown on demand
    visit = open_page(full_page, fragment=f"#unit={known['key']}/{known['names'][int(last)]}")
    visit.page.keyboard.press("ArrowRight")
    title = visit.page.locator("#sheet h2").inner_text()
    assert title.removeprefix("Unit ") not in shown
    if filtered:
        visit.ask(
            "(() => { const box = document.querySelector('.gallery [data-tool=search]');"
            "box.value = 'no such unit'; box.dispatchEvent(new Event('input')); })()"
        )
    visit.page.keyboard.press("Escape")
    assert visit.ask("document.activeElement.closest('.gallery').dataset.stage") == known["key"]
    focused = visit.ask("document.activeElement.firstElementChild?.nextElementSibling?.textContent")
    assert filtered or f"Unit {focused}" == title
    assert visit.ask("document.activeElement.tagName") == ("H5" if filtered else "BUTTON")

"""Galleries, sheets, curves and maps in a browser, by mouse and by keyboard."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

OpenPage = Callable[..., Any]
UNITS = "JSON.parse(document.getElementById('units').textContent)"
COLOURS = (
    "(canvas) => new Set(new Uint32Array(canvas.getContext('2d')"
    ".getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size"
)


def gallery(visit: Any, place: int = 0) -> Any:
    """Find the gallery of a stage."""
    return visit.page.locator(".gallery").nth(place)


def names(box: Any) -> list[str]:
    """List the units that a gallery shows."""
    return box.locator(".tile > span").all_text_contents()


def stage(visit: Any, place: int = 0) -> dict[str, Any]:
    """Give what the page knows of a stage of the first run."""
    return visit.ask(UNITS)["runs"][0]["stages"][place]


def test_tiles_are_drawn_when_they_come_into_view(open_page: OpenPage, full_page: Path) -> None:
    visit = open_page(full_page)
    canvas = gallery(visit).locator("canvas").first
    assert canvas.evaluate("(canvas) => canvas.width") in (1, 300)  # nothing yet
    canvas.scroll_into_view_if_needed()
    visit.page.wait_for_timeout(300)
    assert canvas.evaluate(COLOURS) > 2


def test_units_are_sorted_and_the_order_turned(open_page: OpenPage, full_page: Path) -> None:
    visit = open_page(full_page)
    box, known = gallery(visit), stage(open_page(full_page))
    sort = box.locator("[data-tool=sort]")
    sort.select_option("names")
    assert names(box) == known["names"][: len(names(box))]
    sort.select_option("activity")
    by = dict(zip(known["names"], known["activity"], strict=True))
    shown = [by[name] for name in names(box)]
    assert shown == sorted(by.values(), reverse=True)[: len(shown)]
    box.locator("[data-tool=order]").click()
    shown = [by[name] for name in names(box)]
    assert shown == sorted(by.values())[: len(shown)]
    sort.select_option("orientation")
    shown = box.locator(".tile small").all_text_contents()
    degrees = sorted((v for v in known["orientation"] if v is not None), reverse=True)
    assert shown == [f"{value:g}°" for value in degrees][: len(shown)]
    assert ", by orientation" in box.locator(".count").inner_text()


def test_units_are_searched_and_filtered(open_page: OpenPage, full_page: Path) -> None:
    visit = open_page(full_page)
    box, known = gallery(visit), stage(visit)
    some = known["names"][-1]
    box.locator("[data-tool=search]").fill(some)
    assert names(box) == [some]
    box.locator("[data-tool=search]").fill("no such unit")
    assert names(box) == []
    assert box.locator(".count").inner_text() == "No unit is so."
    box.locator("[data-tool=search]").fill("")
    box.locator("[data-tool=map]").select_option("2")
    box.locator("[data-tool=sort]").select_option("names")
    assert {name.split(",")[0] for name in names(box)} == {"2"}
    assert (
        box.locator(".count").inner_text()
        == f"{known['map'].count(2)} of {len(some and known['map'])} units"
    )


def test_all_units_are_shown_on_demand(open_page: OpenPage, full_page: Path) -> None:
    visit = open_page(full_page)
    box, total = gallery(visit), len(stage(visit)["names"])
    assert len(names(box)) < total
    box.locator(".more").click()
    assert len(names(box)) == total
    box.locator(".more").click()
    assert len(names(box)) < total


@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_a_unit_opens_its_sheet_and_gives_the_focus_back(
    open_page: OpenPage, full_page: Path, by: str
) -> None:
    visit = open_page(full_page)
    box, sheet = gallery(visit), visit.page.locator("#sheet")
    box.locator("[data-tool=sort]").select_option("names")
    first, second, *_ = names(box)
    if by == "mouse":
        box.locator(".tile").first.click()
    else:
        box.locator(".tile").nth(1).focus()
        visit.page.keyboard.press("ArrowLeft")
        visit.page.keyboard.press("Enter")
    assert sheet.is_visible()
    assert sheet.locator("h2").inner_text() == f"Unit {first}"
    assert visit.ask("document.activeElement.id") == "sheet-title"
    assert sheet.get_by_role("button", name="Previous unit").is_disabled()
    visit.page.keyboard.press("ArrowRight")
    assert sheet.locator("h2").inner_text() == f"Unit {second}"
    assert "unit=" in visit.ask("location.hash")
    visit.page.keyboard.press("Escape")
    assert not sheet.is_visible()
    assert visit.ask("location.hash") == ""
    assert visit.ask("document.activeElement.querySelector('span').textContent") == second
    assert visit.said == []


def test_a_sheet_holds_all_that_is_known(open_page: OpenPage, full_page: Path) -> None:
    visit = open_page(full_page)
    known = stage(visit)
    best = known["invariance"][0]["units"][0]
    name = known["names"][best]
    visit = open_page(full_page, fragment=f"#unit={known['key']}/{name}")
    sheet = visit.page.locator("#sheet")
    assert sheet.is_visible()  # its address opened it
    titles = [title for title in sheet.locator("h3").all_inner_texts() if title]
    assert titles == [
        "Top images", "Least exciting", "Activations", "Invariance", "Neighbours",
        "In the other runs",
    ]  # fmt: skip
    assert sheet.locator(".portraits figcaption").all_inner_texts()[:2] == ["Filter", "Projection"]
    assert sheet.locator("[data-slot=top] figure").count() == len(known["top"][best])
    visit.page.wait_for_timeout(300)
    for canvas in sheet.locator(".portraits canvas, [data-slot=top] canvas").all():
        canvas.scroll_into_view_if_needed()
        visit.page.wait_for_timeout(50)
        assert canvas.evaluate(COLOURS) > 1
    rows = sheet.locator("[data-slot=histogram] tbody tr td:nth-child(2)")
    assert sum(int(cell) for cell in rows.all_text_contents()) == len(
        visit.ask(UNITS)["runs"][0]["labels"]
    )
    other = sheet.locator("[data-slot=neighbours] .tile span").first.inner_text()
    sheet.locator("[data-slot=neighbours] .tile").first.click()
    assert sheet.locator("h2").inner_text() == f"Unit {other}"
    sheet.locator("[data-slot=elsewhere] .tile").first.click()
    assert "labelled" in sheet.locator("[data-slot=where]").inner_text()
    assert visit.said == []


def test_a_unit_that_sees_more_than_the_image_shows_the_image(
    open_page: OpenPage, full_page: Path
) -> None:
    dense = stage(open_page(full_page), 1)
    assert min(dense["window"][0]) > 8
    visit = open_page(full_page, fragment=f"#unit={dense['key']}/{dense['names'][0]}")
    sheet = visit.page.locator("#sheet")
    assert "8 × 8" in sheet.locator(".facts dd").all_inner_texts()
    crops = sheet.locator("[data-slot=top] canvas")
    assert crops.count() == len(dense["top"][0])  # and none beside it that marks the part
    assert crops.first.evaluate("(canvas) => canvas.style.aspectRatio") == "8 / 8"


@pytest.mark.parametrize("form", ["#unit={}", "#{}"])
def test_an_address_opens_its_unit(open_page: OpenPage, full_page: Path, form: str) -> None:
    known = stage(open_page(full_page))
    address = form.format(f"{known['key']}/{known['names'][1]}")
    sheet = open_page(full_page, fragment=address).page.locator("#sheet")
    assert sheet.is_visible()
    assert sheet.locator("h2").inner_text() == f"Unit {known['names'][1]}"


def test_the_words_of_a_tile_are_whole(open_page: OpenPage, full_page: Path) -> None:
    visit = open_page(full_page)
    visit.ask(
        "document.querySelector('.tile small').textContent = '0.992 for Ankle boot of leather'"
    )
    words = gallery(visit).locator(".tile small").first
    assert words.evaluate("(small) => small.scrollWidth <= small.clientWidth")
    assert words.evaluate("(small) => getComputedStyle(small).whiteSpace") == "normal"
    tile = gallery(visit).locator(".tile").first
    assert tile.get_attribute("title") == tile.get_attribute("aria-label")


def test_an_address_of_no_unit_opens_nothing(open_page: OpenPage, full_page: Path) -> None:
    for fragment in (
        "#unit=nowhere/1",
        "#nowhere/1",
        "#run1-stage-strokes",
        "#unit=%",
        "#unit=run1-stage-strokes/99,99,99",
    ):
        visit = open_page(full_page, fragment=fragment)
        assert not visit.page.locator("#sheet").is_visible()
        assert visit.said == []
        notice = visit.page.locator("#notice").inner_text()
        assert ("does not show" in notice) == fragment.startswith("#unit=")


def test_curves_are_read_by_keyboard_and_by_pointing(open_page: OpenPage, full_page: Path) -> None:
    visit = open_page(full_page)
    curve = visit.page.locator("[data-curve^=run1-phase]").first
    words = curve.locator("xpath=following-sibling::p[1]")
    curve.focus()
    visit.page.keyboard.press("ArrowRight")
    assert words.inner_text() == "Step 1 · reconstruction 9"
    visit.page.keyboard.press("End")
    assert words.inner_text() == "Step 40 · reconstruction 0.225 · held out 0.3"
    curve.hover()
    assert words.inner_text().startswith("Step 20 · reconstruction 0.45")
    mark = visit.ask(
        "document.querySelector('.crosshair:not([hidden])').getBoundingClientRect().left"
    )
    box = curve.bounding_box()
    assert abs(mark - box["x"] - box["width"] / 2) < 0.12 * box["width"]


def test_images_of_the_map_are_named(open_page: OpenPage, full_page: Path) -> None:
    visit = open_page(full_page)
    box = visit.page.locator(".data-map").first
    canvas = box.locator("canvas")
    canvas.scroll_into_view_if_needed()
    visit.page.wait_for_timeout(300)
    assert canvas.evaluate(COLOURS) > 10
    canvas.focus()
    visit.page.keyboard.press("ArrowRight")
    first = box.locator(".readout").inner_text()
    assert first.startswith("Image ")
    box.locator("[data-tool=method]").select_option("pca")
    visit.page.keyboard.press("Tab")
    assert visit.said == []


def test_units_of_runs_stand_side_by_side(open_page: OpenPage, full_page: Path) -> None:
    visit = open_page(full_page)
    box = visit.page.locator(".together")
    assert box.locator("tbody th").all_inner_texts() == ["plain", "labelled"]
    first = box.locator("thead th").all_inner_texts()
    assert box.get_by_role("button", name="Previous units").is_disabled()
    box.get_by_role("button", name="Next units").click()
    assert box.locator("thead th").all_inner_texts() != first
    box.locator("[data-tool=stage]").select_option("parts")
    assert box.locator("thead th").all_inner_texts() == ["Run", *map(str, range(7))]
    box.locator("tbody .tile").last.click()
    assert visit.page.locator("#sheet h2").inner_text() == "Unit 6"
    assert visit.said == []

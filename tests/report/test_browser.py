"""The page in a browser: no errors, nothing asked for, nothing sideways on a phone, prints."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

OpenPage = Callable[..., Any]
ROOT = "document.documentElement"


def test_no_errors_and_nothing_to_load(open_page: OpenPage, full_page: Path) -> None:
    visit = open_page(full_page)
    for top in range(0, visit.ask(f"{ROOT}.scrollHeight"), 800):
        visit.ask(f"scrollTo(0, {top})")
        visit.page.wait_for_timeout(20)
    assert visit.said == []
    assert [url for url in visit.asked_for if not url.startswith(("data:", "blob:"))] == [
        full_page.as_uri()
    ]
    assert not re.search(r"(?:src|href|srcset)=[\"'](?!data:|#)", visit.page.content())


def test_the_console_would_have_been_heard(open_page: OpenPage, full_page: Path) -> None:
    visit = open_page(full_page)
    visit.ask("console.error('heard')")
    visit.ask("fetch('https://example.org/').catch(() => null)")
    assert "heard" in visit.said
    assert any("Content Security Policy" in words for words in visit.said)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("too_wide", [False, True])
def test_nothing_hangs_over_the_side(
    open_page: OpenPage, full_page: Path, width: int, too_wide: bool
) -> None:
    visit = open_page(full_page, width=width)
    if too_wide:
        visit.ask("document.querySelector('main').style.width = '2000px'")
    room, taken = visit.ask(f"[{ROOT}.clientWidth, {ROOT}.scrollWidth]")
    assert room <= width
    assert (taken > room) == too_wide


def test_no_table_is_cut_on_a_phone(open_page: OpenPage, full_page: Path) -> None:
    # Matrices of long names and rows of pictures aside, and what is behind plots.
    script = (
        "[...document.querySelectorAll('.scroll')]"
        ".filter((box) => !box.querySelector('.confusion, .pairs') && !box.closest('.behind'))"
        ".map((box) => box.scrollWidth - box.clientWidth)"
    )
    hidden = open_page(full_page, width=375).ask(script)
    assert hidden == [0] * 5  # the comparison, the runs, their figures, the layers of either


def test_arrows_stand_before_what_they_lead_to(open_page: OpenPage, full_page: Path) -> None:
    # Where the drawing goes on in the next line, an arrow after would lead nowhere.
    script = (
        "[...document.querySelectorAll('.flow .sheets')].map((box) => ['::before', '::after']"
        ".map((place) => getComputedStyle(box, place).content === 'none' ? '-' : '>').join('o'))"
    )
    drawn = open_page(full_page, width=375).ask(script)
    assert [place for place, shown in enumerate(drawn) if shown == "-o-"] == [0, len(drawn) // 2]
    assert set(drawn) == {"-o-", ">o-"}


def test_the_page_prints_with_its_pictures_in_place_of_galleries(
    open_page: OpenPage, full_page: Path
) -> None:
    visit = open_page(full_page, dark=True)
    data = visit.page.pdf(format="A4")
    assert data.startswith(b"%PDF-")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", data)) <= 24
    visit.page.emulate_media(media="print")
    assert visit.page.locator(".stills img").first.is_visible()
    assert not visit.page.locator(".tiles").first.is_visible()
    assert not visit.page.locator(".theme").is_visible()
    assert not visit.page.locator(".readout").first.is_visible()
    assert visit.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_without_a_script_pictures_and_tables_are_there(
    open_page: OpenPage, full_page: Path
) -> None:
    page = open_page(full_page, scripts=False).page
    assert page.locator(".stills img").count() >= 4
    assert all(image.is_visible() for image in page.locator(".stills img").all())
    assert not any(box.is_visible() for box in page.locator(".scripted").all())
    behind = page.locator(".behind").filter(has_text="Table of these units").first
    behind.locator("summary").click()
    assert behind.locator("tbody tr").count() > 0


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("where", ["page", "sheet"])
def test_nothing_serious_for_those_who_see_or_move_otherwise(
    open_page: OpenPage, full_page: Path, dark: bool, where: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs the extra dev")
    visit = open_page(full_page, dark=dark)
    if where == "sheet":
        visit.page.locator(".gallery .tile").first.click()
    for details in visit.page.locator("details:visible").all():
        details.evaluate("(element) => { element.open = true }")
    found = axe.Axe().run(visit.page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa"]})
    problems = [
        (problem["id"], [node["target"] for node in problem["nodes"]][:3])
        for problem in found.response["violations"]
        if problem["impact"] in ("serious", "critical")
    ]
    assert problems == []
    assert len(found.response["passes"]) > 10


def test_themes_are_switched_and_kept(open_page: OpenPage, full_page: Path) -> None:
    visit = open_page(full_page)
    paper = "getComputedStyle(document.body).backgroundColor"
    light = visit.ask(paper)
    visit.page.get_by_role("radio", name="dark").check()
    dark = visit.ask(paper)
    assert dark != light
    visit.page.reload()
    visit.page.wait_for_selector("html[data-ready]", state="attached")
    assert visit.ask(paper) == dark
    visit.page.get_by_role("radio", name="auto").check()
    assert visit.ask(paper) == light
    visit.page.emulate_media(color_scheme="dark")
    assert visit.ask(paper) == dark
    visit.page.get_by_role("radio", name="light").check()
    assert visit.ask(paper) == light

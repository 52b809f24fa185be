#!/usr/bin/env python3
"""Draw the pictures of docs/ that show the report, from a report, with the Chromium installed.

    featlearn pretrain faces --out RUN && featlearn report RUN
    python scripts/draw_report.py RUN/report/index.html --unit wholes/23

Writes docs/pictures/report-*.webp: a gallery, a unit's sheet, and the page on a phone.
`scripts/picture` draws the one at the top of the README.
"""

import argparse
import shutil
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from featlearn.files import write_bytes

DOCS = Path(__file__).resolve().parents[1] / "docs"


def main() -> None:
    """Open the report and draw it."""
    parser = argparse.ArgumentParser(description="Draw the pictures of docs/ of the report.")
    parser.add_argument("page", type=Path)
    parser.add_argument("--unit", metavar="STAGE/UNIT", required=True, help="the sheet to draw")
    options = parser.parse_args()
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        url = options.page.resolve().as_uri()
        page = _open(browser, url, width=1100, height=900)
        page.locator(".gallery").nth(1).evaluate("(box) => scrollTo(0, box.offsetTop - 40)")
        _draw(page, DOCS / "pictures" / "report-units.webp")
        sheet = _open(browser, f"{url}#unit=run1-stage-{options.unit}", width=1100, height=1300)
        _draw(sheet, DOCS / "pictures" / "report-unit.webp")
        phone = _open(browser, url, width=390, height=844, dark=True)
        phone.locator(".gallery").nth(1).evaluate("(box) => scrollTo(0, box.offsetTop - 20)")
        _draw(phone, DOCS / "pictures" / "report-phone.webp")
        browser.close()


def _open(browser: Browser, url: str, *, width: int, height: int, dark: bool = False) -> Page:
    """Open the page in a window of its own."""
    page = browser.new_page(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
    )
    page.goto(url)
    page.wait_for_selector("html[data-ready]", state="attached")
    return page


def _draw(page: Page, path: Path) -> None:
    """Draw what the window shows, once its tiles are there."""
    page.wait_for_timeout(800)
    buffer = BytesIO()
    Image.open(BytesIO(page.screenshot())).convert("RGB").save(buffer, format="WEBP", quality=50)
    write_bytes(path, buffer.getvalue())
    print(f"wrote {path}")


if __name__ == "__main__":
    main()

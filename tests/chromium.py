"""Chromium or Chrome for tests of pages: started by Playwright, without network."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

WIDTHS = (400, 1200, 2000)
"""The widths of screens at which pages are tested, in pixels."""
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_LAYOUT = (Path(__file__).parent / "page" / "layout.js").read_text(encoding="utf-8")


def program() -> str:
    """Return the path of the installed browser. Without one, skip; on CI, fail."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        needed = "Chromium or Chrome is needed: `make browser` installs it on Debian"
        if os.environ.get("CI"):
            pytest.fail(needed)
        pytest.skip(needed)
    return found


@contextmanager
def start() -> Iterator[Browser]:
    """Start the installed browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=list(_FLAGS))
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, file: Path, width: int = 1200, *, javascript: bool = True) -> Iterator[Page]:
    """Open a file in a tab of that width. When the tab closes: no error was logged, and nothing else was requested."""
    context = browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=javascript)
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: errors.append(request.url) if request.url != file.as_uri() else None)
    page.goto(file.as_uri())
    yield page
    context.close()
    assert errors == []


def layout_mistakes(page: Page) -> list[str]:
    """Unfold everything, and report what is outside of the page, clipped, too narrow, or outside of its box."""
    mistakes: list[str] = page.evaluate(_LAYOUT)
    return mistakes

"""A real Chromium, headless, for one test."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, sync_playwright

from gateway.litellm_database.node import find

# Without the background traffic that a closed network refuses.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
]


@contextmanager
def new_page() -> Iterator[Page]:
    """A fresh page. Fails with a hint where no Chromium is installed."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert chromium, "the browser tests need Chromium: apt-get install chromium"
    # Playwright's own Node.js lacks libatomic on a bare Debian.
    os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(asyncio.run(find()).program))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1100, "height": 900})
        page.set_default_timeout(30_000)
        try:
            yield page
        finally:
            browser.close()

"""What the documentation names must be there: pages that it links to, and paths of this repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)\s]*)?\)")
PATH = re.compile(r"`((?:tests|billing|gateway|docs|deploy|migrations|requirements)/[\w./-]+)(?:::[\w.…]+)*`")
PAGES = sorted(
    page
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("requirements/*.md"))
    if page.name != "routes.md"  # made from LiteLLM's routes
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_and_path_of_a_page_leads_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    named = [page.parent / link for link in LINK.findall(text)] + [ROOT / path for path in PATH.findall(text)]
    assert [str(path.relative_to(ROOT)) for path in named if not path.exists()] == []

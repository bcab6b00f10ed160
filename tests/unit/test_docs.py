"""What the documentation names must be there: pages that it links to, and paths of this repository."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)\s]*)?\)")
PATH = re.compile(
    r"`((?:tests|billing|gateway|devkit|proxyllm|benchmarks|docs|deploy|migrations|requirements)/[\w./-]+)(?:::[\w.…]+)*`"
)
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


def test_the_picture_of_folders_shows_each_package() -> None:
    """Also those of a feature that somebody adds, and in the order in which packages may import."""
    text = (ROOT / "docs" / "explanation" / "architecture.md").read_text("utf-8")
    arrows, picture = re.findall(
        r"^```\n(.*?)^```", text.partition("## Folders")[2], re.MULTILINE | re.DOTALL
    )[:2]
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    packages = contracts[0]["layers"]
    assert arrows.strip() == " ──> ".join(packages)
    shown, above = set(), [""]
    for indent, name in re.findall(r"^( *)([a-z_]+)/", picture, re.MULTILINE):
        above[len(indent) // 2 + 1 :] = [f"{above[len(indent) // 2]}{name}/"]
        shown.add(above[-1])
    there = {
        f"{path.parent.relative_to(ROOT)}/" for one in packages for path in ROOT.glob(f"{one}/**/__init__.py")
    }
    inner = {"devkit/stripe_sandbox/", "devkit/reference/"}  # programs of their own, shown as one
    there = {path for path in there if not any(path.startswith(one) and path != one for one in inner)}
    assert {path for path in shown if path.split("/")[0] in packages} == there

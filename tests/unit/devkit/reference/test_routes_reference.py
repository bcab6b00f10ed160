"""The page of all routes says what the route table says."""

from pathlib import Path

from devkit.reference.routes import page

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "routes.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `make docs`"

from pathlib import Path

from billing.settings import Settings
from devkit.reference.settings import page

DOCUMENT = Path(__file__).parents[4] / "docs" / "reference" / "settings.md"


def test_the_page_in_the_docs_is_what_the_settings_class_says() -> None:
    assert DOCUMENT.read_text("utf-8") == page(), "run `make docs`"


def test_each_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []

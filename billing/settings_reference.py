"""The page of all settings, made from the settings class: `python -m billing.settings_reference > FILE`."""

from __future__ import annotations

import sys
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from billing.settings import Settings

HEAD = """# Settings
All of them come from the environment. Made from `billing/settings.py` by `make docs`; amounts are decimal
strings in the major unit of `BILLING_CURRENCY`, names ending in `_S` are seconds.

| variable | default | what |
|---|---|---|
"""


def page() -> str:
    """The page as Markdown."""
    return HEAD + "".join(_row(name, field) for name, field in Settings.model_fields.items())


def _row(name: str, field: FieldInfo) -> str:
    return f"| `{name.upper()}` | {_default(field)} | {field.description}{_choices(field)} |\n"


def _default(field: FieldInfo) -> str:
    return f"`{field.default}`" if field.default not in (None, "") else ""


def _choices(field: FieldInfo) -> str:
    if get_origin(field.annotation) is not Literal:
        return ""
    return " One of " + ", ".join(f"`{choice}`" for choice in get_args(field.annotation)) + "."


if __name__ == "__main__":
    sys.stdout.write(page())

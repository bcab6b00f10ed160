"""Generates the page of all settings from the class: `python -m devkit.reference.settings > FILE`."""

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
TAIL = """
## Read by the commands and by LiteLLM
| variable | default | what |
|---|---|---|
| `HOST` | `::` for `serve`, `127.0.0.1` for `run` | The address to listen on; `::` is IPv6 and IPv4. |
| `PROXYLLM_HOME` | `.proxyllm` | Where `run` keeps its state: database, keys, run.json. |
| `CONFIG_FILE_PATH` | `proxy_server_config.yaml` | LiteLLM's configuration, for `serve` and `doctor`. |
| `LITELLM_MASTER_KEY` |  | LiteLLM's admin key; `run` makes one where it is not set. |
| `LITELLM_SALT_KEY` | the master key | What LiteLLM encrypts with; it cannot be changed later. |
| `DOCS_URL` |  | Where LiteLLM shows its OpenAPI pages; `make run` sets `/docs`. |
| `PROMETHEUS_MULTIPROC_DIR` |  | See [monitor](../how-to/monitor.md). |
| `PRISMA_QUERY_ENGINE_BINARY` |  | A native query engine for LiteLLM's database instead of ours. |

Providers' keys (`OPENAI_API_KEY` and so on) and `OLLAMA_API_BASE` are named by `proxy_server_config.yaml`.
"""


def page() -> str:
    """Returns the page as Markdown."""
    return HEAD + "".join(_row(name, field) for name, field in Settings.model_fields.items()) + TAIL


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

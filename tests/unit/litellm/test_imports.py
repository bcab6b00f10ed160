"""LiteLLM's proxy is met in one folder, so that an upgrade is looked for there."""

from __future__ import annotations

from pathlib import Path

from devkit.reference.litellm.imports import parsed, uses_in

ROOT = Path(__file__).parents[3]
HOME = "billing/proxy/litellm/"
APP = "billing/app.py"  # which wraps LiteLLM's app


def test_the_proxy_is_imported_in_one_folder() -> None:
    importers = {
        file
        for file, tree in parsed(ROOT)
        for use in uses_in(tree, file)
        if use.name.startswith("litellm.proxy.") and file.startswith("billing/")
    }
    assert {file for file in importers if not file.startswith(HOME)} == {APP}
    assert any(file.startswith(HOME) for file in importers)

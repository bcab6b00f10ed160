"""What is prepared before the first calls."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest
from litellm.types.router import Deployment
from litellm.types.utils import ModelResponse

from billing.proxy.litellm.first_calls import _try_once, prepare_calls


def test_types_of_calls_are_built() -> None:
    prepare_calls()
    assert ModelResponse.__pydantic_complete__
    assert Deployment.__pydantic_complete__


def test_what_calls_models_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    imported, import_module = [], importlib.import_module

    def noted(name: str) -> ModuleType:
        imported.append(name)
        return import_module(name)

    monkeypatch.setattr(importlib, "import_module", noted)
    prepare_calls()
    assert {"openai.resources.chat", "openai.resources.responses"} <= set(imported)
    assert "openai.resources.responses.responses" in sys.modules


def test_a_module_that_cannot_be_imported_is_run_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "import sys\nsys.lacks_something_runs += 1\nimport no_such_module\n"
    (tmp_path / "lacks_something.py").write_text(source, "utf-8")
    monkeypatch.setattr(sys, "lacks_something_runs", 0, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    _try_once("lacks_something")
    for _ in range(2):
        with pytest.raises(ImportError):
            importlib.import_module("lacks_something")
    assert vars(sys)["lacks_something_runs"] == 1

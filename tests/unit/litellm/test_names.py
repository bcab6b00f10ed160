"""All that `docs/reference/litellm.md` lists is there in the LiteLLM that is installed, whichever that is."""

from __future__ import annotations

import importlib
import inspect
import re
from functools import cache, reduce
from pathlib import Path

import pytest
from pydantic import BaseModel

from billing.runtime.garbage_collection import paused_collection
from devkit.reference.litellm import names
from devkit.reference.litellm.imports import parsed, uses_in
from devkit.reference.litellm.page import module_of, sources_of_litellm, variables_of_litellm
from gateway.litellm_database.client import package_directory

ROOT = Path(__file__).parents[3]
TREES = dict(parsed(ROOT))
USES = sorted({use.name for file, tree in TREES.items() for use in uses_in(tree, file)})
SERVER = "litellm.proxy.proxy_server"
HOOKS = [
    (hook, parameters)
    for tree in TREES.values()
    for hooks in names.hooks_in(tree).values()
    for hook, parameters in hooks.items()
]
OBJECTS = {
    (owner, member)
    for tree in TREES.values()
    for owner, members in names.protocols_in(tree).items()
    for member in members
}
HOMES = {
    "Logging": "litellm.litellm_core_utils.litellm_logging",
    "MCPServer": "litellm.types.mcp_server.mcp_server_manager",
    "MCPServerManager": "litellm.proxy._experimental.mcp_server.mcp_server_manager",
    "Router": "litellm.router",
    "UserAPIKeyAuth": "litellm.proxy._types",
}


@cache
def texts_of_litellm() -> list[str]:
    return list(sources_of_litellm())


@cache
def knows(name: str) -> bool:
    """Whether LiteLLM names it: as a text, or as a field or property of a class."""
    forms = (f'"{name}"', f"'{name}'", f"    {name}: ", f"self.{name} = ", f"def {name}(self)")
    return any(form in text for text in texts_of_litellm() for form in forms)


@cache
def source_of(kind: type) -> str:
    with paused_collection():  # CPython 3.11 loses count where a finalizer runs while it parses (SystemError)
        return inspect.getsource(kind)


@pytest.mark.parametrize("name", [name for name in USES if module_of(name) != SERVER])
@pytest.mark.filterwarnings("ignore")  # of what LiteLLM imports late
def test_what_we_import_or_touch_is_there(name: str) -> None:
    module = module_of(name)
    attributes = name.removeprefix(module).split(".")[1:]
    reduce(getattr, attributes, importlib.import_module(module))


def test_so_is_what_we_take_of_the_server_whose_import_takes_half_a_minute() -> None:
    source = (package_directory("litellm") / "proxy" / "proxy_server.py").read_text("utf-8")
    taken = {name.removeprefix(SERVER).split(".")[1] for name in USES if name.startswith(f"{SERVER}.")}
    assert {"app", "llm_router"} <= taken
    assert taken <= set(re.findall(r"^(\w+)(?:: .+?)? = ", source, re.MULTILINE))


@pytest.mark.parametrize(("hook", "parameters"), HOOKS, ids=[hook for hook, _ in HOOKS])
def test_a_hook_of_ours_takes_what_litellm_gives(hook: str, parameters: list[str]) -> None:
    of_litellm = importlib.import_module("litellm.integrations.custom_logger").CustomLogger
    assert parameters == list(inspect.signature(getattr(of_litellm, hook)).parameters)


@pytest.mark.parametrize(("owner", "member"), sorted(OBJECTS))
def test_an_object_of_litellms_has_the_members_that_we_read(owner: str, member: str) -> None:
    kind = getattr(importlib.import_module(HOMES[owner]), owner)
    declared = kind.model_fields if issubclass(kind, BaseModel) else {}
    assert member in declared or hasattr(kind, member) or f"self.{member}" in source_of(kind)


@pytest.mark.parametrize("file", names.EVENT_READERS)
def test_litellm_knows_the_keys_that_we_read_of_its_events(file: str) -> None:
    assert [name for name in sorted(names.event_names(TREES[file])) if not knows(name)] == []


def test_litellm_knows_the_headers_that_we_read() -> None:
    headers = {header for tree in TREES.values() for header in names.headers_in(tree)}
    assert headers
    assert [header for header in sorted(headers) if not knows(header)] == []


def test_the_columns_that_our_sql_reads_are_in_litellms_schema() -> None:
    schema = (package_directory("litellm_proxy_extras") / "schema.prisma").read_text("utf-8")
    read = [one for text in names.statements(ROOT).values() for one in names.columns_in(text).items()]
    assert read
    for table, columns in read:
        [model] = re.findall(rf"^model {table} \{{(.*?)^\}}", schema, re.MULTILINE | re.DOTALL)
        assert columns - set(re.findall(r"^\s+(\w+)\s+\S", model, re.MULTILINE)) == set()


def test_litellm_still_reads_the_variables_that_a_start_rests_on() -> None:
    """A price map from the network, or Prisma's schema engine, would be noticed by nobody at first."""
    ours = {name for tree in TREES.values() for name in names.variables_in(tree)}
    wanted = {
        "LITELLM_LOCAL_MODEL_COST_MAP",
        "DISABLE_SCHEMA_UPDATE",
        "SPEND_LOG_WRITE_BATCH_MAX_ROWS",
        "CONFIG_FILE_PATH",
        "DATABASE_URL",
        "LITELLM_SALT_KEY",
    }
    assert wanted <= ours
    assert wanted <= variables_of_litellm()


@pytest.mark.parametrize(("package", "path", "_file"), names.READ_FILES)
def test_the_files_that_we_read_are_there(package: str, path: str, _file: str) -> None:
    assert (package_directory(package) / path).exists()

"""Renders the page of everything we use from LiteLLM as Markdown."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

from billing.proxy.litellm.patches import PATCHES, Patch
from devkit.reference.litellm import names
from devkit.reference.litellm.imports import Use, parsed, uses_in
from gateway.litellm_database.client import package_directory

ROOT = Path(__file__).parents[3]
HEAD = """# What we take from LiteLLM
Made by `make docs` from the code in `billing/`, `gateway/` and `devkit/`, its SQL, and the list of patches in
`billing/proxy/litellm/patches.py`, for LiteLLM {version}. The tests in `tests/unit/litellm/` look all of it
up in the version that is installed; [how to take another version](../how-to/upgrade-litellm.md) says when
they run.
"""


def page() -> str:
    """Returns the page as Markdown."""
    trees = dict(parsed(ROOT))
    parts = (
        HEAD.format(version=version("litellm")),
        _section(
            "Patched", _PATCHED, _table(("LiteLLM's", "must be", "why", "in"), map(_patch_row, PATCHES))
        ),
        _section(
            "Imported or touched",
            _IMPORTED,
            _imports(use for file, tree in trees.items() for use in uses_in(tree, file)),
        ),
        _section(
            "Hooks that LiteLLM calls", "", _table(("class", "hook", "parameters", "in"), _hooks(trees))
        ),
        _section(
            "Members of LiteLLM's objects", _OBJECTS, _table(("class", "members", "in"), _objects(trees))
        ),
        _section("Read by name in events and requests", _EVENTS, _table(("in", "names"), _events(trees))),
        _section("Tables of LiteLLM's database", _TABLES, _table(("table", "columns", "in"), _tables())),
        _section("Headers", "", _table(("header", "in"), _by_name(trees, names.headers_in))),
        _section("Environment variables", _VARIABLES, _table(("variable", "in"), _variables(trees))),
        _section("Files of its packages", _FILES, _table(("package", "path", "in"), _files())),
    )
    return "\n".join(parts)


_PATCHED = "Where LiteLLM has something else in that place, the start ends with a line that names it."
_IMPORTED = "By LiteLLM's module. *Types*: for the type checker alone."
_OBJECTS = "What our protocols for them name. They are handed to us; their classes are not imported."
_EVENTS = (
    "Keys and attributes of what hooks are handed: the `kwargs` of events, request data, the router's tables."
)
_TABLES = (
    "Read by our SQL, never written. The spend log's `metadata` carries our call id in `spend_logs_metadata`."
)
_VARIABLES = "Those that our code sets or reads and that LiteLLM reads."
_FILES = "Found without importing the package."


def _section(title: str, text: str, table: str) -> str:
    return f"## {title}\n{text}\n\n{table}" if text else f"## {title}\n{table}"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _code(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _patch_row(patch: Patch) -> tuple[str, ...]:
    expected = patch.expected
    must_be = f"a {expected.__name__}" if isinstance(expected, type) else f"a function of {_code(expected)}"
    return f"`{patch.target}`", must_be, patch.purpose, f"`{patch.file}`"


def _imports(uses: Iterable[Use]) -> str:
    by_module: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for use in uses:
        if ".app.state." in use.name:
            continue  # ours: FastAPI stores it for us
        module = module_of(use.name)
        name = use.name.removeprefix(module).removeprefix(".") or "the module"
        by_module[module][name].add(f"`{use.file}`" + (" (types)" if use.for_types else ""))
    rows = (
        (f"`{module}`", f"`{name}`", ", ".join(sorted(files)))
        for module, found in sorted(by_module.items())
        for name, files in sorted(found.items())
    )
    return _table(("module", "name", "in"), rows)


def module_of(name: str) -> str:
    """Returns the longest prefix of a dotted name that is a module of the installed package."""
    package, *parts = name.split(".")
    place = package_directory(package)
    module = package
    for part in parts:
        place /= part
        if not place.with_suffix(".py").exists() and not place.is_dir():
            break
        module = f"{module}.{part}"
    return module


def _hooks(trees: names.Trees) -> Iterator[tuple[str, ...]]:
    for file, tree in trees.items():
        for owner, hooks in names.hooks_in(tree).items():
            for hook, parameters in hooks.items():
                yield f"`{owner}`", f"`{hook}`", _code(parameters[1:]), f"`{file}`"


def _objects(trees: names.Trees) -> Iterator[tuple[str, ...]]:
    for file, tree in trees.items():
        for owner, members in names.protocols_in(tree).items():
            yield f"`{owner}`", _code(members), f"`{file}`"


def _events(trees: names.Trees) -> Iterator[tuple[str, ...]]:
    for file in names.EVENT_READERS:
        yield f"`{file}`", _code(sorted(names.event_names(trees[file])))


def _tables() -> Iterator[tuple[str, ...]]:
    for file, statements in names.statements(ROOT).items():
        for table, columns in sorted(names.columns_in(statements).items()):
            yield f"`{table}`", _code(sorted(columns)), f"`{file}`"


def _by_name(trees: names.Trees, find: names.Find) -> Iterator[tuple[str, str]]:
    files: dict[str, list[str]] = defaultdict(list)
    for file, tree in trees.items():
        for name in find(tree):
            files[name].append(f"`{file}`")
    for name in sorted(files):
        yield f"`{name}`", ", ".join(files[name])


def _variables(trees: names.Trees) -> Iterator[tuple[str, str]]:
    known = variables_of_litellm()
    return (row for row in _by_name(trees, names.variables_in) if row[0].strip("`") in known)


def _files() -> Iterator[tuple[str, ...]]:
    return ((f"`{package}`", f"`{path}`", f"`{file}`") for package, path, file in names.READ_FILES)


def variables_of_litellm() -> set[str]:
    """Returns every environment variable that LiteLLM reads by a constant."""
    asked = re.compile(
        r"(?:environ|getenv|get_secret|env)\w*(?:\.\w+)?\s*[(\[]\s*[\"']([A-Z][A-Z0-9_]+)[\"']"
    )
    return {name for text in sources_of_litellm() for name in asked.findall(text)}


def sources_of_litellm() -> Iterator[str]:
    """Yields the text of each LiteLLM module."""
    return (file.read_text("utf-8") for file in package_directory("litellm").rglob("*.py"))

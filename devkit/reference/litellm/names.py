"""Finds what our code uses from LiteLLM by name without importing it."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

Trees = Mapping[str, ast.Module]  # by file
Find = Callable[[ast.Module], set[str]]

# Files that read call events and request data passed to hooks by LiteLLM.
EVENT_READERS = (
    "billing/proxy/litellm/hooks.py",
    "billing/proxy/litellm/success_events.py",
    "billing/proxy/calls/call.py",
    "billing/proxy/calls/session_cost.py",
    "billing/proxy/max_cost/deployments.py",
    "billing/proxy/max_cost/price_map.py",
)
# Files of LiteLLM's packages that are read without import: package, path, our file.
READ_FILES = (
    ("litellm_proxy_extras", "schema.prisma", "gateway/litellm_database/client.py"),
    ("litellm_proxy_extras", "migrations", "gateway/litellm_database/migrations.py"),
    ("litellm_proxy_extras", "migrations", "gateway/doctor/live_checks.py"),
    ("litellm", "model_prices_and_context_window_backup.json", "gateway/doctor/configuration_checks.py"),
    ("litellm", "litellm_core_utils/tokenizers", "devkit/demo_upstream/tokens.py"),
)

_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
_OURS = re.compile(r"(BILLING|STRIPE|PROXYLLM|TAILSCALE|TAILNET|SANDBOX|OLLAMA)_")
_HEADER = re.compile(r"x-litellm-[a-z-]+")
_OWNER = re.compile(r"LiteLLM's `(\w+)`")
_TABLE = re.compile(r'(?:FROM|JOIN)\s+public\."(LiteLLM_(?!Stripe)\w+)"(?:\s+([a-z]+)\b)?')
_WORD = re.compile(r"[a-z_]{3,}")


def event_names(tree: ast.Module) -> set[str]:
    """Finds look-ups by a constant, as in `data.get("x")`, `data["x"]`, `getattr(data, "x")`."""
    return {name for node in ast.walk(tree) for name in _asked(node) if not name.startswith("billing")}


def _asked(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(
            func=ast.Attribute(attr="get" | "setdefault"), args=[ast.Constant(value=str(name)), *_]
        ):
            yield name
        case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=str(name)), *_]):
            yield name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            yield name
        case ast.Compare(left=ast.Constant(value=str(name)), ops=[ast.In() | ast.NotIn()]):
            yield name
        case (
            ast.Assign(value=ast.Tuple(elts=elements))
            | ast.Assign(
                value=ast.Call(
                    func=ast.Name(id="frozenset"), args=[ast.Tuple(elts=elements) | ast.Set(elts=elements)]
                )
            )
        ):
            yield from (
                one.value for one in elements if isinstance(one, ast.Constant) and isinstance(one.value, str)
            )


def strings_in(tree: ast.Module) -> Iterator[str]:
    """Returns all strings of a file except docstrings."""
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in documented:
            if isinstance(node.value, str):
                yield node.value
            elif isinstance(node.value, bytes):
                yield node.value.decode("latin-1")


def headers_in(tree: ast.Module) -> set[str]:
    """Returns the LiteLLM headers that the file names."""
    return {text for text in strings_in(tree) if _HEADER.fullmatch(text)}


def variables_in(tree: ast.Module) -> set[str]:
    """Finds possible environment variables of others; LiteLLM's are those that it reads."""
    found = {text.removeprefix("os.environ/") for text in strings_in(tree)}
    return {text for text in found if _VARIABLE.fullmatch(text) and not _OURS.match(text)}


def protocols_in(tree: ast.Module) -> dict[str, list[str]]:
    """Maps LiteLLM's classes to the members in our protocols for them."""
    members: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and (owner := _OWNER.search(ast.get_docstring(node) or "")):
            members[owner[1]] = [name for statement in node.body for name in _member(statement)]
    return members


def _member(statement: ast.stmt) -> Iterator[str]:
    match statement:
        case (
            ast.AnnAssign(target=ast.Name(id=name))
            | ast.FunctionDef(name=name)
            | ast.AsyncFunctionDef(name=name)
        ):
            yield name


def hooks_in(tree: ast.Module) -> dict[str, dict[str, list[str]]]:
    """Maps classes derived from LiteLLM's `CustomLogger` to their hooks and parameters."""
    return {
        node.name: {
            method.name: [parameter.arg for parameter in method.args.args]
            for method in node.body
            if isinstance(method, ast.AsyncFunctionDef) and method.name.startswith("async_")
        }
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id == "CustomLogger" for base in node.bases)
    }


def columns_in(statements: str) -> dict[str, set[str]]:
    """Maps LiteLLM's tables to the columns that a SQL file names."""
    columns: dict[str, set[str]] = defaultdict(set)
    for statement in statements.split(";"):
        text = re.sub(r"--[^\n]*|%\(\w+\)s", "", statement)
        for table, alias in _TABLE.findall(text):
            if alias and alias not in ("where", "join"):
                columns[table] |= set(re.findall(rf'\b{alias}\."?(\w+)"?', text))
            else:
                columns[table] |= _bare_columns(text)
    return columns


def _bare_columns(text: str) -> set[str]:
    """Returns the words of a statement that may be columns: quoted, or in lower case."""
    plain = re.sub(r"'[^']*'|public\.\"\w+\"|::\w+|\bAS \w+", "", text)
    return set(re.findall(r'"(\w+)"', plain)) | set(_WORD.findall(re.sub(r'"\w+"', "", plain)))


def statements(root: Path) -> Mapping[str, str]:
    """Returns all SQL files."""
    files = sorted(file for package in ("billing", "gateway") for file in (root / package).rglob("*.sql"))
    return {str(file.relative_to(root)): file.read_text("utf-8") for file in files}

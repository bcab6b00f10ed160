"""Finds the names of LiteLLM that our files import and use, from their syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("litellm", "litellm_proxy_extras", "litellm_enterprise")


@dataclass(frozen=True, slots=True, order=True)
class Use:
    """A LiteLLM name used in one of our files: `litellm.proxy.proxy_server.app.router`."""

    name: str
    file: str
    assigned: bool = False  # our code replaces it
    for_types: bool = False  # only imported for the type checker


def uses_in(tree: ast.Module, file: str) -> set[Use]:
    """Returns all names that the file imports from LiteLLM, with the attributes that it reads or assigns."""
    bound = dict(_bindings(tree))
    typed = {alias for block in _type_blocks(tree) for alias, _ in _bindings(block)}
    uses = {
        Use(name, file, for_types=alias in typed)
        for alias, name in bound.items()
        if name not in PACKAGES  # `import litellm`: its attributes are more specific
    }
    for node, is_inner in _attributes(tree):
        chain = _chain(node)
        if chain is None or chain[0] not in bound:
            continue
        name = ".".join((bound[chain[0]], *chain[1:]))
        assigned = isinstance(node.ctx, ast.Store)
        if assigned or not is_inner:
            uses.add(Use(name, file, assigned=assigned))
    uses |= {Use(f"{bound[name]}.{attribute}", file, True) for name, attribute in _setattrs(tree, bound)}
    return uses


def _bindings(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Maps each imported name of the file to what it stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and _is_litellms(node.module):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if _is_litellms(alias.name):
                    root = alias.name.partition(".")[0]
                    yield (alias.asname, alias.name) if alias.asname else (root, root)
                    if not alias.asname and alias.name != root:
                        yield alias.name, alias.name


def _is_litellms(module: str | None) -> bool:
    return module is not None and module.partition(".")[0] in PACKAGES


def _type_blocks(tree: ast.Module) -> Iterator[ast.If]:
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield node


def _attributes(tree: ast.Module) -> Iterator[tuple[ast.Attribute, bool]]:
    """Yields each attribute, and whether it is only the beginning of a longer chain."""
    inner = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node, id(node) in inner


def _chain(node: ast.Attribute) -> tuple[str, ...] | None:
    names: list[str] = []
    link: ast.expr = node
    while isinstance(link, ast.Attribute):
        names.append(link.attr)
        link = link.value
    return (link.id, *reversed(names)) if isinstance(link, ast.Name) else None


def _setattrs(tree: ast.Module, bound: dict[str, str]) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Name(id="setattr"), args=[ast.Name(id=name), ast.Constant(value=str(attribute)), _]
            ) if name in bound:
                yield name, attribute


def parsed(root: Path) -> Iterator[tuple[str, ast.Module]]:
    """Parses everything that uses LiteLLM: `billing/`, `gateway/` and `devkit/`."""
    for package in ("billing", "gateway", "devkit"):
        for file in sorted((root / package).rglob("*.py")):
            yield str(file.relative_to(root)), ast.parse(file.read_text("utf-8"))

"""Determines what can be served of a configuration with the variables that are set.

One image and one configuration serve every operator: a model whose key or node is not configured is omitted,
as are fallbacks to it, instead of being listed and failing at each call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import cast

from gateway.configuration.reading import Model, Section, missing, models, section

FALLBACKS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
SECTIONS_WITH_FALLBACKS = ("router_settings", "litellm_settings")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A model that cannot be served, and the variables that it lacks."""

    model: str
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Served:
    """The configuration to serve, and the models omitted from it."""

    configuration: Section
    left_out: tuple[LeftOut, ...]


def servable(configuration: Section, environment: Mapping[str, str]) -> Served:
    """Omits the models whose variables are not set, and fallbacks that lead to no model.

    A configuration with `include` is served unchanged: only LiteLLM knows its full contents. Variables from a
    secret manager are not in the environment, so nothing is omitted then either.
    """
    if configuration.get("include") or section(configuration, "general_settings").get(
        "key_management_system"
    ):
        return Served(configuration, ())
    kept, left_out = _sort(models(configuration), environment)
    if not left_out:
        return Served(configuration, ())
    names = [model.name for model in kept]
    rest = {
        name: _with_fallbacks_to(names, value) if name in SECTIONS_WITH_FALLBACKS else value
        for name, value in configuration.items()
    }
    return Served({**rest, "model_list": [model.entry for model in kept]}, left_out)


def _sort(listed: Sequence[Model], environment: Mapping[str, str]) -> tuple[list[Model], tuple[LeftOut, ...]]:
    kept, left_out = [], []
    for model in listed:
        lacking = missing(model.entry, model.name, environment)
        if lacking:
            variables = dict.fromkeys(reference.variable for reference in lacking)
            left_out.append(LeftOut(model.name, tuple(variables)))
        else:
            kept.append(model)
    return kept, tuple(left_out)


def _with_fallbacks_to(names: Sequence[str], settings: object) -> object:
    if not isinstance(settings, dict):
        return settings
    rest = {name: value for name, value in settings.items() if name not in FALLBACKS}
    fallbacks = {name: list(_leading_to(names, settings[name])) for name in FALLBACKS if name in settings}
    return {**rest, **{name: entries for name, entries in fallbacks.items() if entries}}


def _leading_to(names: Sequence[str], entries: object) -> Iterator[Section]:
    """Filters `[{"a": ["b", "c"]}]` to targets that a model serves, dropping entries without any."""
    for entry in cast(list[dict[str, object]], entries if isinstance(entries, list) else []):
        targets = {source: _served(names, wanted) for source, wanted in entry.items()}
        if any(targets.values()):
            yield {source: found for source, found in targets.items() if found}


def _served(names: Sequence[str], wanted: object) -> list[object]:
    """Filters targets; mappings with parameters of their own are kept, as they name their model."""
    targets = wanted if isinstance(wanted, list) else []
    return [one for one in targets if not isinstance(one, str) or is_served(one, names)]


def is_served(name: str, names: Sequence[str]) -> bool:
    """Whether one of the model names, some of them wildcards like `openai/*`, serves `name`."""
    return any(fnmatchcase(name, pattern) for pattern in names)

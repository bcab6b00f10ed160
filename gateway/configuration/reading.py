"""Reads a configuration and finds the environment variables that it refers to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import yaml

from billing.errors import NotConfigured

REFERENCE = "os.environ/"
SIZE_MAX_BYTES = 4_000_000

Section = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Reference:
    """An environment variable that the configuration refers to, and where: `general_settings.master_key`."""

    where: str
    variable: str


@dataclass(frozen=True, slots=True)
class Model:
    """An entry of `model_list`."""

    name: str
    entry: Section

    @property
    def parameters(self) -> Section:
        """Its `litellm_params`."""
        return section(self.entry, "litellm_params")

    @property
    def info(self) -> Section:
        """Its `model_info`."""
        return section(self.entry, "model_info")


def read_configuration(path: Path) -> Section:
    """Reads the file with references unresolved. Raises NotConfigured if it cannot be read."""
    try:
        if path.stat().st_size > SIZE_MAX_BYTES:
            raise NotConfigured(f"{path} is larger than {SIZE_MAX_BYTES} bytes: is it a configuration?")
        content = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise NotConfigured(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise NotConfigured(f"{path} is not UTF-8 text.") from error
    except yaml.YAMLError as error:
        raise NotConfigured(f"{path} is not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise NotConfigured(f"{path} holds no sections: see LiteLLM's configuration of a proxy.")
    return cast(Section, content)


def section(parent: Section, name: str) -> Section:
    """Returns a mapping inside another; empty if it is missing. Raises NotConfigured for anything else."""
    value = parent.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise NotConfigured(f"`{name}` of the configuration must be a mapping.")
    return cast(Section, value)


def models(configuration: Section) -> list[Model]:
    """Returns the entries of `model_list`. Raises NotConfigured for one without a name."""
    listed = configuration.get("model_list") or []
    if not isinstance(listed, list):
        raise NotConfigured("`model_list` of the configuration must be a list.")
    return [_model(number, entry) for number, entry in enumerate(listed)]


def _model(number: int, entry: object) -> Model:
    if not isinstance(entry, dict) or not isinstance(entry.get("model_name"), str):
        raise NotConfigured(f"`model_list[{number}]` of the configuration has no `model_name`.")
    return Model(entry["model_name"], cast(Section, entry))


def references(value: object, where: str = "") -> Iterator[Reference]:
    """Yields every variable that `value` refers to, with its place below `where`."""
    if isinstance(value, str):
        if value.startswith(REFERENCE):
            yield Reference(where, value.removeprefix(REFERENCE))
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from references(inner, f"{where}.{name}" if where else str(name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from references(inner, f"{where}[{number}]")


def missing(value: object, where: str, environment: Mapping[str, str]) -> list[Reference]:
    """Returns the references of `value` whose variable is unset or empty."""
    return [found for found in references(value, where) if not environment.get(found.variable)]

"""Reads price rules from `price_rules` in LiteLLM's configuration file, or from a file of their own.

Every value is read as text, so that `1.2` is exactly 1.2 and never a float.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from billing.api.request_fields import Text
from billing.errors import NotConfigured
from billing.prices.rule import PriceRule, Scope
from billing.prices.schemas import Terms
from billing.settings import CustomerType, Settings

SECTION = "price_rules"
WRITTEN_CONFIG = "PROXYLLM_WRITTEN_CONFIG"  # where `serve` gives LiteLLM a file with some models omitted
RULES_MAX = 1000
_FILE_BYTES_MAX = 4 * 1024 * 1024
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


class ConfiguredRule(Terms):
    """A rule of the configuration file. Charges refer to it by its name."""

    name: Text = Field(description="Shown in charges as `config:<name>`.")


def configured_rules(settings: Settings) -> tuple[PriceRule, ...]:
    """Reads the rules of BILLING_PRICES_FILE, or of CONFIG_FILE_PATH if that is not set; none if absent.

    Raises NotConfigured with a one-line message that names file, rule and field.
    """
    path = settings.billing_prices_file or _litellm_config()
    if path is None:
        return ()
    rows = _section(path, required=settings.billing_prices_file is not None)
    if len(rows) > RULES_MAX:
        raise NotConfigured(f"{path}: {SECTION}: at most {RULES_MAX} rules.")
    rules = tuple(_rule(path, number, row, settings.stripe_charge_by) for number, row in enumerate(rows))
    _refuse_doubles(path, rules)
    return rules


def _litellm_config() -> Path | None:
    path = os.environ.get(WRITTEN_CONFIG) or os.environ.get("CONFIG_FILE_PATH")
    return Path(path) if path and Path(path).is_file() else None


def _section(path: Path, *, required: bool) -> Sequence[object]:
    try:
        if path.stat().st_size > _FILE_BYTES_MAX:
            raise NotConfigured(f"{path}: larger than {_FILE_BYTES_MAX} bytes.")
        content = yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 - makes text only
    except (OSError, UnicodeDecodeError) as error:
        raise NotConfigured(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise NotConfigured(f"{path}: no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict) or SECTION not in content:
        if required:
            raise NotConfigured(f"{path}: has no list `{SECTION}`.")
        return ()
    rows = content[SECTION]
    if rows == "":  # `price_rules:` without a value
        return ()
    if not isinstance(rows, list):
        raise NotConfigured(f"{path}: {SECTION}: must be a list of rules.")
    return rows


def _rule(path: Path, number: int, row: object, charge_by: CustomerType) -> PriceRule:
    where = f"{path}: {SECTION}[{number}]"
    if isinstance(row, dict) and isinstance(row.get("name"), str):
        where += f" ({row['name']})"
    try:
        terms = ConfiguredRule.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        message = str(first["msg"]).removeprefix("Value error, ")
        raise NotConfigured(f"{where}: {field + ': ' if field else ''}{message}") from None
    return PriceRule(
        multiplier=terms.multiplier,
        fee_nanos=terms.fee_nanos,
        floor_nanos=terms.floor_nanos,
        free=terms.free,
        scope=terms.scope(charge_by),
        id=f"config:{terms.name}",
        source="config",
        valid_from=terms.valid_from,
        valid_until=terms.valid_until,
        ordinal=number,
    )


def _refuse_doubles(path: Path, rules: Sequence[PriceRule]) -> None:
    """Raises NotConfigured for two rules with equal scope and overlapping times: the order would decide."""
    names = [rule.id for rule in rules]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise NotConfigured(f"{path}: {SECTION}: two rules are named {double.removeprefix('config:')}.")
    by_scope: dict[Scope, list[PriceRule]] = {}
    for rule in rules:
        by_scope.setdefault(rule.scope, []).append(rule)
    for same in by_scope.values():
        for one, other in pairwise(sorted(same, key=lambda rule: rule.valid_from or _FIRST)):
            if (one.valid_until or _LAST) > (other.valid_from or _FIRST):
                both = f"{one.id.removeprefix('config:')} and {other.id.removeprefix('config:')}"
                raise NotConfigured(f"{path}: {SECTION}: {both} apply to the same calls at the same time.")

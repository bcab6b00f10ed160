"""A price rule: to whom it applies, what it adds to the provider's cost, and when."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from typing import Literal, Self

from pydantic import JsonValue

from billing.ledger.schemas import Json, Payer
from billing.money import ceil_nanos, format_nanos, round_nanos

MULTIPLIER_MAX = Decimal(1000)  # anything larger is assumed to be a misplaced decimal point
TERM_NANOS_MAX = 1_000_000_000_000  # a thousand, for fee and floor
_WIDE = Context(prec=80)
ANY_END = "*"  # at the end of a model: every name with this prefix

Source = Literal["default", "config", "api"]


@dataclass(frozen=True, slots=True)
class Scope:
    """To which calls a rule applies. None matches everything; all that is set must match."""

    customer: Payer | None = None
    team_id: str | None = None
    model: str | None = None  # a model group, or a prefix followed by `*`
    provider: str | None = None

    def covers(self, names: Collection[str], provider: str | None) -> bool:
        """Whether it covers a model with these names at this provider. Ignores customer and team."""
        if self.provider is not None and self.provider != provider:
            return False
        if self.model is None:
            return True
        if not self.model.endswith(ANY_END):
            return self.model in names
        beginning = self.model.removesuffix(ANY_END)
        return any(name.startswith(beginning) for name in names)

    @property
    def rank(self) -> tuple[bool, bool, int, bool]:
        """Greater for the more specific: customer before team before model before provider."""
        return (
            self.customer is not None,
            self.team_id is not None,
            _model_rank(self.model),
            self.provider is not None,
        )

    def detail(self) -> dict[str, JsonValue]:
        """The scope as a charge stores it."""
        customer = self.customer
        named = {
            "customer_type": customer.customer_type if customer else None,
            "customer_id": customer.customer_id if customer else None,
            "team_id": self.team_id,
            "model": self.model,
            "provider": self.provider,
        }
        return {name: value for name, value in named.items() if value is not None}


def _model_rank(model: str | None) -> int:
    """Ranks an exact name above a longer prefix above a shorter one above none."""
    if model is None:
        return 0
    return len(model) if model.endswith(ANY_END) else 1_000_000


EVERYBODY = Scope()


@dataclass(frozen=True, slots=True)
class PriceRule:
    """The operator's price on top of the provider's cost. Fee and floor are nanos per call, each ≥ 0.

    A free rule charges nothing whatever the cost, and requires no credit.
    """

    multiplier: Decimal = Decimal(1)
    fee_nanos: int = 0
    floor_nanos: int = 0
    free: bool = False
    scope: Scope = EVERYBODY
    id: str = "default"
    source: Source = "default"
    valid_from: datetime | None = None  # None: no beginning
    valid_until: datetime | None = None  # the first moment at which it no longer applies
    ordinal: int = 0  # of two rules that began at the same moment, the greater one wins

    def __post_init__(self) -> None:
        if not self.multiplier.is_finite() or self.multiplier < 0:
            raise ValueError("a multiplier must be finite and not negative")
        if self.fee_nanos < 0 or self.floor_nanos < 0:
            raise ValueError("a fee or floor must not be negative")

    def is_valid(self, at: datetime) -> bool:
        """Whether the rule is in force at this moment."""
        return (self.valid_from is None or self.valid_from <= at) and (
            self.valid_until is None or at < self.valid_until
        )

    def rule_for(self, names: Collection[str], provider: str | None) -> PriceRule:
        """Returns itself: a single rule prices every model. (The same interface as `CallPrices`.)"""
        return self

    def charge_nanos(self, cost_nanos: Decimal) -> int:
        """Computes the charge for a provider cost in unrounded nanos (`nanos_from_cost`)."""
        if self.free:
            return 0
        return max(self.floor_nanos, round_nanos(_times(cost_nanos, self.multiplier)) + self.fee_nanos)

    def max_cost_nanos(self, cost_nanos: Decimal) -> int:
        """Returns an amount that no charge for a cost up to `cost_nanos` exceeds."""
        if self.free:
            return 0
        return max(self.floor_nanos, ceil_nanos(_times(cost_nanos, self.multiplier)) + self.fee_nanos)

    @property
    def formula(self) -> str:
        """Describes how a charge is computed from the provider's cost, in major units."""
        if self.free:
            return "0.00"
        cost = f"provider cost * {format(self.multiplier, 'f')}"
        return f"max({format_nanos(self.floor_nanos)}, {cost} + {format_nanos(self.fee_nanos)})"

    def detail(self) -> dict[str, JsonValue]:
        """The rule as a charge stores it: decimal strings in major units, and nanos for programs."""
        return {
            "id": self.id,
            "source": self.source,
            "applies_to": self.scope.detail(),
            "free": self.free,
            "multiplier": format(self.multiplier, "f"),
            "fee": format_nanos(self.fee_nanos),
            "floor": format_nanos(self.floor_nanos),
            "fee_nanos": self.fee_nanos,
            "floor_nanos": self.floor_nanos,
        }

    @classmethod
    def of_detail(cls, detail: Json) -> Self:
        """Restores the terms of a rule from its `detail`, without its scope."""
        return cls(
            multiplier=Decimal(str(detail["multiplier"])),
            fee_nanos=int(str(detail["fee_nanos"])),
            floor_nanos=int(str(detail["floor_nanos"])),
            free=detail.get("free") is True,
            id=str(detail.get("id", "default")),
            source=_source_of(detail.get("source")),
        )


def _times(cost_nanos: Decimal, multiplier: Decimal) -> Decimal:
    """Multiplies exactly: a rounded product would be rounded twice."""
    return _WIDE.multiply(cost_nanos, multiplier)


def _source_of(value: JsonValue) -> Source:
    match value:
        case "config" | "api":
            return value
    return "default"


DEFAULT = PriceRule()

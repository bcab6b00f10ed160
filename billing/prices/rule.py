"""One price rule: for whom, what it asks above the provider's cost, from when to when."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from typing import Literal, Self

from pydantic import JsonValue

from billing.ledger.schemas import Json, Payer
from billing.money import ceil_nanos, format_nanos, round_nanos

MULTIPLIER_MAX = Decimal(1000)  # beyond these it is a slip of the decimal point
TERM_NANOS_MAX = 1_000_000_000_000  # a thousand, of fee and of floor
_WIDE = Context(prec=80)
ANY_END = "*"  # at the end of a model: every name that begins so

Source = Literal["default", "config", "api"]


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom a rule is for. What is None matches everybody; all that is named must match."""

    customer: Payer | None = None
    team_id: str | None = None
    model: str | None = None  # a model group, or the beginning of some with `*` behind
    provider: str | None = None

    def covers(self, names: Collection[str], provider: str | None) -> bool:
        """Whether it is for a model of these names at this provider. Customer and team are not looked at."""
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
        """What it names, as a charge stores it."""
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
    """A whole name before a longer beginning before a shorter one before none."""
    if model is None:
        return 0
    return len(model) if model.endswith(ANY_END) else 1_000_000


EVERYBODY = Scope()


@dataclass(frozen=True, slots=True)
class PriceRule:
    """What the operator asks above the provider's cost. Fee and floor are nanos a call, each ≥ 0.

    A free rule charges nothing whatever the cost, and needs no credit.
    """

    multiplier: Decimal = Decimal(1)
    fee_nanos: int = 0
    floor_nanos: int = 0
    free: bool = False
    scope: Scope = EVERYBODY
    id: str = "default"
    source: Source = "default"
    valid_from: datetime | None = None  # None: always was
    valid_until: datetime | None = None  # the first moment at which it is over
    ordinal: int = 0  # of two that began at the same moment, the one with the greater

    def __post_init__(self) -> None:
        if not self.multiplier.is_finite() or self.multiplier < 0:
            raise ValueError("a multiplier is a finite number, and not negative")
        if self.fee_nanos < 0 or self.floor_nanos < 0:
            raise ValueError("a fee or a floor is not negative")

    def is_valid(self, at: datetime) -> bool:
        """Whether it is in force at this moment."""
        return (self.valid_from is None or self.valid_from <= at) and (
            self.valid_until is None or at < self.valid_until
        )

    def rule_for(self, names: Collection[str], provider: str | None) -> PriceRule:
        """Itself: a rule alone prices every model. (The same question as to `CallPrices`.)"""
        return self

    def charge_nanos(self, cost_nanos: Decimal) -> int:
        """The charge for a provider cost in unrounded nanos (`nanos_from_cost`)."""
        if self.free:
            return 0
        return max(self.floor_nanos, round_nanos(_times(cost_nanos, self.multiplier)) + self.fee_nanos)

    def max_cost_nanos(self, cost_nanos: Decimal) -> int:
        """An amount that no charge for a cost up to `cost_nanos` exceeds."""
        if self.free:
            return 0
        return max(self.floor_nanos, ceil_nanos(_times(cost_nanos, self.multiplier)) + self.fee_nanos)

    @property
    def formula(self) -> str:
        """How a charge is made from a provider's cost, in major units."""
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
        """The terms of a rule from what `detail` said of it; whom it is for is left out."""
        return cls(
            multiplier=Decimal(str(detail["multiplier"])),
            fee_nanos=int(str(detail["fee_nanos"])),
            floor_nanos=int(str(detail["floor_nanos"])),
            free=detail.get("free") is True,
            id=str(detail.get("id", "default")),
            source=_source_of(detail.get("source")),
        )


def _times(cost_nanos: Decimal, multiplier: Decimal) -> Decimal:
    """The exact product: a rounded one would be rounded twice."""
    return _WIDE.multiply(cost_nanos, multiplier)


def _source_of(value: JsonValue) -> Source:
    match value:
        case "config" | "api":
            return value
    return "default"


DEFAULT = PriceRule()

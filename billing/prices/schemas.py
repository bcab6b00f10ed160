"""Price rules in the API and in configuration files: the same fields, validated by the same class."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from billing.api.caller import customer_of
from billing.api.paging import NextCursor
from billing.api.request_fields import CustomerId, Reason, Text
from billing.errors import InvalidAmount
from billing.money import decimal_from_nanos, format_nanos, parse_amount
from billing.prices.rule import (
    ANY_END,
    MULTIPLIER_MAX,
    TERM_NANOS_MAX,
    PriceRule,
    Scope,
    Source,
)
from billing.settings import CustomerType

Status = Literal["scheduled", "active", "ended"]


def _multiplier(value: object) -> Decimal:
    try:
        multiplier = decimal_from_nanos(parse_amount(value))
    except InvalidAmount:
        raise ValueError('must be a decimal string of at most nine decimals, like "1.2"') from None
    if not 0 <= multiplier <= MULTIPLIER_MAX:
        raise ValueError(f"must be 0 to {MULTIPLIER_MAX}")
    return multiplier.normalize() + 0


def _term_nanos(value: object) -> int:
    try:
        nanos = parse_amount(value)
    except InvalidAmount:
        raise ValueError('must be a decimal string in major units, like "0.001"') from None
    if not 0 <= nanos <= TERM_NANOS_MAX:
        raise ValueError(f"must be 0 to {format_nanos(TERM_NANOS_MAX)}")
    return nanos


def _decimal_schema(description: str, example: str) -> WithJsonSchema:
    shapes = [{"type": "string", "pattern": r"^\d{1,4}(\.\d{1,9})?$"}, {"type": "number"}]
    return WithJsonSchema({"anyOf": shapes, "description": description, "examples": [example]})


Multiplier = Annotated[
    Decimal,
    BeforeValidator(_multiplier),
    _decimal_schema("Factor on the provider's cost, 0 to 1000.", "1.2"),
]
TermNanos = Annotated[
    int, BeforeValidator(_term_nanos), _decimal_schema("Major units per call, 0 to 1000.", "0.001")
]


class Terms(BaseModel):
    """A rule's scope (omitted fields match everything), its price, and when it applies."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    customer_type: CustomerType | None = Field(None, description="Default: what STRIPE_CHARGE_BY says.")
    customer_id: CustomerId | None = None
    team_id: Text | None = None
    model: Text | None = Field(None, description="A model group; `openai/*` matches a prefix.")
    provider: Text | None = Field(None, description="LiteLLM's name for the provider, such as `anthropic`.")
    multiplier: Multiplier = Decimal(1)
    fee_nanos: TermNanos = Field(0, alias="fee")
    floor_nanos: TermNanos = Field(0, alias="floor")
    free: bool = Field(False, description="Charges nothing and requires no credit.")
    valid_from: AwareDatetime | None = Field(None, description="With a time zone. Default: now.")
    valid_until: AwareDatetime | None = Field(None, description="First moment at which it no longer applies.")

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if self.customer_type is not None and self.customer_id is None:
            raise ValueError("customer_type requires customer_id")
        if self.model is not None and ANY_END in self.model[:-1]:
            raise ValueError(f"a {ANY_END} is only allowed at the end of a model")
        plain = self.multiplier == 1 and self.fee_nanos == 0 and self.floor_nanos == 0
        if self.free and not plain:
            raise ValueError("a free rule must not have a multiplier, fee or floor")
        if not self.free and self.multiplier == 0 and self.fee_nanos == 0 and self.floor_nanos == 0:
            raise ValueError("a rule that charges nothing must set `free: true`")
        if self.valid_from and self.valid_until and self.valid_until <= self.valid_from:
            raise ValueError("valid_until must be after valid_from")
        return self

    def scope(self, charge_by: CustomerType) -> Scope:
        """Builds the rule's scope."""
        customer = customer_of(self.customer_type, self.customer_id, charge_by) if self.customer_id else None
        return Scope(customer, self.team_id, self.model, self.provider)


class PriceRequest(Terms):
    """A rule to create."""

    reason: Reason = Field(description="The reason, kept in the history.")
    idempotency_key: Text | None = Field(
        None, description="Repeats with the same content create one rule; different content: 409."
    )


class PriceLine(BaseModel):
    """A price rule. Money is a decimal string in the major unit."""

    id: str = Field(examples=["price_12", "config:resale"])
    source: Source
    status: Status
    customer_type: CustomerType | None
    customer_id: str | None
    team_id: str | None
    model: str | None
    provider: str | None
    multiplier: str = Field(examples=["1.2"])
    fee: str
    floor: str
    free: bool
    valid_from: datetime | None = Field(description="Null: no beginning.")
    valid_until: datetime | None
    reason: str | None = None
    created_by: str | None = None
    created_at: datetime | None = None
    ended_by: str | None = None

    @staticmethod
    def of(rule: PriceRule, at: datetime) -> PriceLine:
        """Builds the JSON model of a rule; `at` decides whether it is in force."""
        customer = rule.scope.customer
        return PriceLine(
            id=rule.id,
            source=rule.source,
            status=_status(rule, at),
            customer_type=customer.customer_type if customer else None,
            customer_id=customer.customer_id if customer else None,
            team_id=rule.scope.team_id,
            model=rule.scope.model,
            provider=rule.scope.provider,
            multiplier=format(rule.multiplier, "f"),
            fee=format_nanos(rule.fee_nanos),
            floor=format_nanos(rule.floor_nanos),
            free=rule.free,
            valid_from=_utc(rule.valid_from),
            valid_until=_utc(rule.valid_until),
        )


def _status(rule: PriceRule, at: datetime) -> Status:
    over = rule.valid_until
    if over is not None and (over <= at or over == rule.valid_from):
        return "ended"
    return "active" if rule.is_valid(at) else "scheduled"


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None


class PricePage(BaseModel):
    """Rules of the configuration file first, then those of the API, newest first."""

    data: list[PriceLine]
    next_cursor: NextCursor


class PriceAnswer(BaseModel):
    """The rule that applies to a call now."""

    rule: PriceLine
    formula: str = Field(examples=["max(0.00, provider cost * 1.2 + 0.001)"])

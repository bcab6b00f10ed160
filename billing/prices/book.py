"""Finds the price rule of a call: the most specific one in force, then the one that began last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from billing.ledger.schemas import Payer
from billing.prices.rule import ANY_END, DEFAULT, PriceRule

_ALWAYS = datetime.min.replace(tzinfo=UTC)
_Key = TypeVar("_Key")


class PriceBook:
    """An immutable set of rules: calls admitted under it are charged by it, whatever changes meanwhile."""

    def __init__(self, rules: Iterable[PriceRule] = ()) -> None:
        self._by_customer: dict[Payer, list[PriceRule]] = defaultdict(list)
        self._by_team: dict[str, list[PriceRule]] = defaultdict(list)
        self._by_model: dict[str, list[PriceRule]] = defaultdict(list)
        self._others: list[PriceRule] = []
        self._size = 0
        for rule in rules:
            self._place(rule).append(rule)
            self._size += 1

    def __len__(self) -> int:
        return self._size

    def _place(self, rule: PriceRule) -> list[PriceRule]:
        scope = rule.scope
        if scope.customer is not None:
            return self._by_customer[scope.customer]
        if scope.team_id is not None:
            return self._by_team[scope.team_id]
        if scope.model is not None and not scope.model.endswith(ANY_END):
            return self._by_model[scope.model]
        return self._others

    def prices_for(self, payer: Payer, team_id: str | None, at: datetime) -> PriceRule | CallPrices:
        """Returns the rules for a call of this customer that is admitted now."""
        if not self._size:
            return DEFAULT
        own = _among(self._by_customer, payer) + (_among(self._by_team, team_id) if team_id else ())
        return CallPrices(self, tuple(r for r in own if r.scope.team_id in (None, team_id)), at)

    def general(self, names: Collection[str]) -> Iterator[PriceRule]:
        """Yields rules without a customer or team that may apply to a model with one of these names."""
        for name in names:
            yield from self._by_model.get(name, ())
        yield from self._others


def _among(table: dict[_Key, list[PriceRule]], key: _Key) -> tuple[PriceRule, ...]:
    return tuple(table.get(key, ()))


@dataclass(frozen=True, slots=True)
class CallPrices:
    """The price rules of one call, as of its admission."""

    book: PriceBook
    own: tuple[PriceRule, ...]  # those that name its customer or team
    at: datetime

    def rule_for(self, names: Collection[str], provider: str | None) -> PriceRule:
        """Returns the rule for a model with these names (requested and configured)."""
        found = [
            rule
            for rule in (*self.own, *self.book.general(names))
            if rule.scope.covers(names, provider) and rule.is_valid(self.at)
        ]
        return max(found, key=_precedence, default=DEFAULT)


def _precedence(rule: PriceRule) -> tuple[object, ...]:
    """A sort key: greater wins. Two rules never tie, because ordinals differ within a source."""
    return (rule.scope.rank, rule.valid_from or _ALWAYS, rule.source == "api", rule.ordinal)

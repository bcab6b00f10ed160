"""Which rule applies: the most specific, then the one that began last; whatever order they come in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing.ledger.schemas import Payer
from billing.prices.book import CallPrices, PriceBook
from billing.prices.rule import DEFAULT, PriceRule, Scope

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ALICE, BOB = Payer("user_id", "alice"), Payer("user_id", "bob")
MODELS = ("openai/gpt", "openai/gpt-mini", "local")


def rule(multiplier: int, *, ordinal: int = 0, **fields: object) -> PriceRule:
    return PriceRule(Decimal(multiplier), ordinal=ordinal, **fields)  # type: ignore[arg-type]  # a test's fields


def found(
    book: PriceBook,
    customer: Payer = ALICE,
    team_id: str | None = None,
    model: str = "local",
    provider: str | None = None,
) -> PriceRule:
    return book.prices_for(customer, team_id, NOW).rule_for((model,), provider)


class TestScope:
    def test_without_rules_the_cost_is_the_price(self) -> None:
        assert PriceBook().prices_for(ALICE, None, NOW) is DEFAULT
        assert found(PriceBook([rule(2, scope=Scope(BOB))])) == DEFAULT

    def test_customer_before_team_before_model_before_provider(self) -> None:
        by_provider = rule(2, scope=Scope(provider="openai"))
        by_model = rule(3, scope=Scope(model="local"))
        by_team = rule(4, scope=Scope(team_id="red"))
        by_customer = rule(5, scope=Scope(ALICE))
        rules = [by_provider, by_model, by_team, by_customer]
        for number, expected in enumerate(rules, 1):
            assert found(PriceBook(rules[:number]), ALICE, "red", "local", "openai") == expected

    def test_a_whole_name_before_a_longer_beginning_before_a_shorter(self) -> None:
        whole, long, short = (
            rule(n, scope=Scope(model=m)) for n, m in enumerate(("openai/gpt", "openai/g*", "o*"), 2)
        )
        book = PriceBook([short, whole, long])
        assert [found(book, model=m) for m in ("openai/gpt", "openai/gpt-mini", "other")] == [
            whole,
            long,
            short,
        ]

    def test_all_that_a_rule_names_must_match(self) -> None:
        both = rule(2, scope=Scope(ALICE, "red", "local", "openai"))
        book = PriceBook([both])
        assert found(book, ALICE, "red", "local", "openai") == both
        assert found(book, BOB, "red", "local", "openai") == DEFAULT
        assert found(book, ALICE, "blue", "local", "openai") == DEFAULT
        assert found(book, ALICE, None, "local", "openai") == DEFAULT
        assert found(book, ALICE, "red", "openai/gpt", "openai") == DEFAULT
        assert found(book, ALICE, "red", "local", None) == DEFAULT

    def test_an_alias_is_priced_by_its_group(self) -> None:
        by_group = rule(2, scope=Scope(model="group"))
        prices = PriceBook([by_group]).prices_for(ALICE, None, NOW)
        assert prices.rule_for(("alias", "group"), None) == by_group


class TestTime:
    def test_a_rule_is_in_force_from_its_beginning_until_before_its_end(self) -> None:
        an_hour = timedelta(hours=1)
        dated = rule(2, valid_from=NOW, valid_until=NOW + an_hour)
        book = PriceBook([dated])
        moments = (NOW - an_hour, NOW, NOW + an_hour - timedelta(microseconds=1), NOW + an_hour)
        ruled = [book.prices_for(ALICE, None, at).rule_for(("local",), None) is dated for at in moments]
        assert ruled == [False, True, True, False]

    def test_of_equals_the_one_that_began_last_and_when_it_ends_the_standing_one_again(self) -> None:
        standing = rule(2, source="config")
        sale = rule(1, valid_from=NOW - timedelta(days=1), valid_until=NOW + timedelta(days=1), source="api")
        book = PriceBook([sale, standing])
        assert found(book) == sale
        later = book.prices_for(ALICE, None, NOW + timedelta(days=2))
        assert later.rule_for(("local",), None) == standing

    def test_a_call_keeps_the_rules_of_its_admission(self) -> None:
        ending = rule(2, valid_until=NOW + timedelta(seconds=1))
        prices = PriceBook([ending]).prices_for(ALICE, None, NOW)
        assert isinstance(prices, CallPrices)
        assert prices.rule_for(("local",), None) == ending  # whenever it is asked


scopes = st.builds(
    Scope,
    customer=st.sampled_from([None, ALICE, BOB]),
    team_id=st.sampled_from([None, "red", "blue"]),
    model=st.sampled_from([None, *MODELS, "openai/*", "openai/gpt*", "*"]),
    provider=st.sampled_from([None, "openai", "ollama"]),
)
moments = st.sampled_from([NOW + timedelta(days=days) for days in (-2, -1, 0, 1, 2)])
dated = st.builds(
    lambda scope, source, start, end: PriceRule(
        scope=scope, source=source, valid_from=start, valid_until=end
    ),
    scopes,
    st.sampled_from(["config", "api"]),
    st.none() | moments,
    st.none() | moments,
)


def numbered(rules: list[PriceRule]) -> list[PriceRule]:
    return [
        PriceRule(
            Decimal(number),
            scope=one.scope,
            source=one.source,
            valid_from=one.valid_from,
            valid_until=one.valid_until,
            ordinal=number,
            id=f"{one.source}_{number}",
        )
        for number, one in enumerate(rules)
    ]


def by_hand(
    rules: list[PriceRule], customer: Payer, team_id: str | None, model: str, provider: str
) -> PriceRule:
    """The documented order, read out loud: for each step keep what is best by it."""

    def applies(one: PriceRule) -> bool:
        scope = one.scope
        named = scope.model is None or (
            model.startswith(scope.model[:-1]) if scope.model.endswith("*") else model == scope.model
        )
        timely = (one.valid_from is None or one.valid_from <= NOW) and (
            one.valid_until is None or one.valid_until > NOW
        )
        return (
            named
            and timely
            and scope.customer in (None, customer)
            and scope.team_id in (None, team_id)
            and scope.provider in (None, provider)
        )

    left = [one for one in rules if applies(one)]
    for better in (
        lambda one: one.scope.customer is not None,
        lambda one: one.scope.team_id is not None,
        lambda one: one.scope.model is not None and not one.scope.model.endswith("*"),
        lambda one: len(one.scope.model or ""),
        lambda one: one.scope.provider is not None,
        lambda one: one.valid_from or datetime(1, 1, 1, tzinfo=UTC),
        lambda one: one.source == "api",
        lambda one: one.ordinal,
    ):
        best = max((better(one) for one in left), default=None)
        left = [one for one in left if better(one) == best]
    return left[0] if left else DEFAULT


class TestAnyRules:
    @given(
        st.lists(dated, max_size=12).map(numbered),
        st.randoms(use_true_random=False),
        st.sampled_from([ALICE, BOB]),
        st.sampled_from([None, "red", "blue"]),
        st.sampled_from(MODELS),
        st.sampled_from(["openai", "ollama"]),
    )
    def test_have_one_winner_in_whatever_order_they_come(
        self,
        rules: list[PriceRule],
        random: object,
        customer: Payer,
        team_id: str | None,
        model: str,
        provider: str,
    ) -> None:
        expected = by_hand(rules, customer, team_id, model, provider)
        shuffled = list(rules)
        random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis types it as object
        for order in (rules, shuffled, rules[::-1]):
            assert found(PriceBook(order), customer, team_id, model, provider) == expected

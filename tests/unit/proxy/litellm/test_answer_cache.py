"""Cached answers of different customers, in LiteLLM's own cache."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace

import pytest
from litellm.caching.caching import Cache

from billing.proxy.calls.call import Call, Entry, current_call
from billing.proxy.litellm.answer_cache import guard_cache, own_namespace
from billing.settings import Settings

QUESTION = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cache]:
    monkeypatch.setattr(Cache, "_add_namespace_to_cache_key", Cache._add_namespace_to_cache_key)
    guard_cache()
    token = current_call.set(None)
    yield Cache(type="local")
    current_call.reset(token)


def key_of(
    store: Cache, user_id: str | None, shared: bool = False, fields: Mapping[str, object] = QUESTION
) -> str:
    settings = Settings(billing_cache_shared=shared)
    key = SimpleNamespace(token="t", user_id=user_id, team_id=None, end_user_id=None, metadata={})
    call = Call("/v1/chat/completions", entry=Entry(cache_namespace=own_namespace(key, settings)))
    current_call.set(call)
    return str(store.get_cache_key(**{**QUESTION, **fields}))


class TestACustomersAnswers:
    def test_are_found_by_that_customer_alone(self, cache: Cache) -> None:
        alices = key_of(cache, "alice")
        assert key_of(cache, "alice") == alices
        assert len({alices, key_of(cache, "bob"), key_of(cache, None)}) == 3

    @pytest.mark.parametrize(
        "chosen",
        [
            {"cache": {"namespace": "alices"}},
            {"metadata": {"redis_namespace": "alices"}},
            {"metadata": {"caching_groups": [["m", "n"]], "model_group": "m"}},
        ],
        ids=str,
    )
    def test_are_not_reached_by_a_namespace_of_anothers_choice(
        self, cache: Cache, chosen: dict[str, object]
    ) -> None:
        alices = key_of(cache, "alice", fields=chosen)
        namespace = alices.rsplit(":", 1)[0]
        assert key_of(cache, "bob", fields=chosen) != alices
        assert key_of(cache, "bob", fields={"cache": {"namespace": namespace}}) != alices

    def test_are_everyones_where_the_operator_shares_the_cache(self, cache: Cache) -> None:
        assert key_of(cache, "alice", shared=True) == key_of(cache, "bob", shared=True)

    def test_of_the_operator_are_as_litellm_has_them(self, cache: Cache) -> None:
        current_call.set(None)
        assert ":" not in str(cache.get_cache_key(**QUESTION))

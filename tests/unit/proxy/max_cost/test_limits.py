"""The output limit that is priced is the only one that is sent."""

from __future__ import annotations

from typing import Any

import pytest

from billing.errors import BadRequest
from tests.unit.proxy.max_cost.conftest import HELLO, Make

# LiteLLM imports a provider when it is first used, and pydantic warns of its TypedDicts.
pytestmark = pytest.mark.filterwarnings("ignore:.*`ReadOnly` qualifier:UserWarning")


class TestOutputLimit:
    def test_the_smaller_of_two_fields_is_priced_and_the_only_one_sent(
        self, models: Any, bounded: Make
    ) -> None:
        body: dict[str, Any] = {"model": "gpt", "messages": HELLO, "max_tokens": 9_000}
        body["max_completion_tokens"] = 10
        max_cost = bounded(body, router=models)
        max_cost.write_limit(body, max_cost.output_tokens)
        assert max_cost.output_tokens == 10
        assert body["max_tokens"] == 10
        assert "max_completion_tokens" not in body

    def test_is_written_where_the_client_set_none(self, models: Any, bounded: Make) -> None:
        body: dict[str, Any] = {"model": "gpt", "messages": HELLO}
        max_cost = bounded(body, router=models)
        max_cost.write_limit(body, max_cost.output_tokens)
        assert body["max_tokens"] == max_cost.output_tokens == 16_384
        assert not max_cost.client_set_limit

    def test_cannot_be_overridden_by_another_field(self, models: Any, bounded: Make) -> None:
        for field in ("extra_body", "num_predict", "max_output_tokens", "generationConfig"):
            with pytest.raises(BadRequest, match=field):
                bounded({"model": "gpt", "messages": HELLO, field: {"max_tokens": 9}}, router=models)

"""Compaction is another pass over the whole input, which no hold covers; clearing makes the input smaller."""

from __future__ import annotations

import pytest

from billing.errors import BadRequest, ModelNotPriced
from billing.proxy.max_cost.request import read_request

MESSAGES = [{"role": "user", "content": "hi"}]
COMPACT = {"type": "compact_20260112", "trigger": {"type": "input_tokens", "value": 50_000}}
CLEAR = {"type": "clear_tool_uses_20250919", "keep": {"type": "tool_uses", "value": 3}}
BODIES: dict[str, dict[str, object]] = {
    "acompletion": {"messages": MESSAGES},
    "anthropic_messages": {"messages": MESSAGES, "max_tokens": 10},
    "atext_completion": {"prompt": "hi"},
    "aembedding": {"input": "hi"},
    "aresponses": {"input": "hi"},
    "agenerate_content": {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
}

call_types = pytest.mark.parametrize("call_type", BODIES)


def read(call_type: str, management: object) -> None:
    read_request({"model": "m", **BODIES[call_type], "context_management": management}, call_type)


class TestCompaction:
    @call_types
    @pytest.mark.parametrize(
        "edits", [[COMPACT], [CLEAR, COMPACT], [{}], [{"type": None}], [{"type": "new"}]]
    )
    def test_is_refused_in_either_form(self, call_type: str, edits: list[object]) -> None:
        for management in ({"edits": edits}, edits):
            with pytest.raises(ModelNotPriced, match="clear_"):
                read(call_type, management)

    @call_types
    @pytest.mark.parametrize("management", ["compact", 1, {"edits": COMPACT}, [[COMPACT]], ["compact"]])
    def test_that_is_no_list_of_edits_is_refused(self, call_type: str, management: object) -> None:
        with pytest.raises(BadRequest, match="list of edits"):
            read(call_type, management)


class TestClearing:
    @pytest.mark.parametrize("call_type", ["acompletion", "anthropic_messages"])
    @pytest.mark.parametrize(
        "management", [None, {}, [], [CLEAR], {"edits": [CLEAR, {"type": "clear_thinking"}]}]
    )
    def test_stays_allowed(self, call_type: str, management: object) -> None:
        read(call_type, management)

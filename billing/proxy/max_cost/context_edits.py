"""Checks `context_management`: edits of a conversation by the provider before it answers.

Clearing old tool results or thinking makes a prompt smaller. Compaction first has the model write a summary:
one more pass over the whole input, billed in addition (Anthropic's `usage.iterations`), or a call of one of
the operator's models by LiteLLM (`llms/anthropic/pass_through/context_management`). A hold covers one pass.
"""

from __future__ import annotations

from collections.abc import Mapping

from billing.errors import BadRequest, ModelNotPriced

_FIELD = "context_management"


def refuse_compaction(body: Mapping[str, object]) -> None:
    """Raises ModelNotPriced for an edit that does more than clear, BadRequest for an invalid list of edits.

    Both forms are accepted: Anthropic's `{"edits": […]}` and OpenAI's plain list.
    """
    management = body.get(_FIELD)
    if management is None:
        return
    edits = management.get("edits", []) if isinstance(management, Mapping) else management
    if not isinstance(edits, list) or not all(isinstance(edit, Mapping) for edit in edits):
        raise BadRequest(f"`{_FIELD}` must contain a list of edits.", param=_FIELD)
    others = [kind for kind in (str(edit.get("type")) for edit in edits) if not kind.startswith("clear_")]
    if others:
        raise ModelNotPriced(
            f"`{_FIELD}`: billing cannot limit the cost of {others[0]}, so prepaid keys may only use edits "
            "whose type begins with `clear_`."
        )

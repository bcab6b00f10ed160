"""`context_management`: what a provider may do to a conversation before it answers.

Clearing old tool results or thinking makes a prompt smaller. Compaction has the model write a summary first:
one more pass over the whole input, whose tokens come on top (Anthropic's `usage.iterations`), or a model of
the operator's that LiteLLM asks (`llms/anthropic/pass_through/context_management`). A hold covers one pass.
"""

from __future__ import annotations

from collections.abc import Mapping

from billing.errors import BadRequest, ModelNotPriced

_FIELD = "context_management"


def refuse_compaction(body: Mapping[str, object]) -> None:
    """Raises ModelNotPriced for an edit that does not merely clear, BadRequest for what is no list of edits.

    Both forms are read: Anthropic's `{"edits": […]}` and OpenAI's bare list.
    """
    management = body.get(_FIELD)
    if management is None:
        return
    edits = management.get("edits", []) if isinstance(management, Mapping) else management
    if not isinstance(edits, list) or not all(isinstance(edit, Mapping) for edit in edits):
        raise BadRequest(f"`{_FIELD}` must hold a list of edits.", param=_FIELD)
    others = [kind for kind in (str(edit.get("type")) for edit in edits) if not kind.startswith("clear_")]
    if others:
        raise ModelNotPriced(
            f"`{_FIELD}`: billing cannot bound what {others[0]} costs, so prepaid keys may only use edits "
            "whose type begins with `clear_`."
        )

"""Guards between LiteLLM and the ledger, and of who may tell us about money."""

from __future__ import annotations

from tests.mutation.mutant import Mutant

_MIDDLEWARE = "tests/unit/proxy/test_middleware.py"
_EVENTS = "tests/unit/proxy/test_events.py"

GATEWAY_MUTANTS = [
    Mutant(
        "nobody looks at a call when its response has ended",
        "billing/proxy/middleware.py",
        "current_call.reset(token)\n            self._request_ended(call)",
        "current_call.reset(token)",
        (_MIDDLEWARE,),
    ),
    Mutant(
        "nobody looks at a session when its WebSocket has ended",
        "billing/proxy/middleware.py",
        "what a session holds is freed all the same\n                self._request_ended(call)",
        "\n                pass",
        ("tests/unit/proxy/test_websocket_end.py",),
    ),
    Mutant(
        "a client may choose the id of its call",
        "billing/proxy/middleware.py",
        "if name != _CLIENT_CALL_ID]",
        "if True]",
        (_MIDDLEWARE,),
    ),
    Mutant(
        "an event that comes twice is charged twice",
        "billing/proxy/success.py",
        "if event_id in call.success_events or event_id in call.beside:",
        "if False:",
        (_EVENTS,),
    ),
    Mutant(
        "a second provider call of a call is settled as the first was",
        "billing/proxy/success.py",
        "if part is Part.OWN:",
        "if True:",
        (_EVENTS,),
    ),
    Mutant(
        "a call of which nothing is heard is renewed for ever",
        "billing/proxy/open_calls.py",
        "return call.ended_at is not None and call.ended_at < deadline and not call.resolving",
        "return False",
        (_EVENTS,),
    ),
    Mutant(
        "a call is given up while its ending is under way",
        "billing/proxy/open_calls.py",
        "call.ended_at < deadline and not call.resolving",
        "call.ended_at < deadline",
        (_EVENTS,),
    ),
    Mutant(
        "content that went out may be free",
        "billing/proxy/endings.py",
        "(_delivered(call) and not showed_nothing)",
        "False",
        ("tests/unit/proxy/test_endings.py",),
    ),
    Mutant(
        "an unknown cost is nothing",
        "billing/proxy/success.py",
        '    if kwargs.get("response_cost") is None:\n        return None\n',
        "",
        (_EVENTS,),
    ),
    Mutant(
        "nobody is billed",
        "billing/proxy/payer.py",
        "return key.user_id is not None and key.user_id in settings.exempt_users",
        "return True",
        ("tests/unit/proxy/test_payer.py",),
    ),
    Mutant(
        "any key may name who pays",
        "billing/proxy/payer.py",
        "if key.metadata.get(TRUSTED_BACKEND) is not True:",
        "if False:",
        ("tests/unit/proxy/test_payer.py",),
    ),
    Mutant(
        "a client may set what was priced",
        "billing/proxy/client_fields.py",
        "if steering is not None:",
        "if False:",
        ("tests/unit/proxy/test_client_fields.py",),
    ),
    Mutant(
        "a webhook needs no signature",
        "billing/webhooks/signature.py",
        "if not any(_is_signed(body, header, secret) for secret in secrets):",
        "if False:",
        ("tests/unit/webhooks/test_signature.py",),
    ),
    Mutant(
        "an old webhook may be sent again",
        "billing/webhooks/signature.py",
        "if age_s > AGE_S_MAX:",
        "if False:",
        ("tests/unit/webhooks/test_signature.py",),
    ),
]

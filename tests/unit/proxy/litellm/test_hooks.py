from dataclasses import dataclass
from decimal import Decimal

import httpx
import litellm
import pytest
from litellm.proxy._types import LitellmUserRoles, ProxyException, UserAPIKeyAuth

from billing.proxy.calls.call import Call, current_call
from billing.proxy.litellm.hooks import _PROXY_BillingLogger, ask_for_usage, is_timeout, recovered_cost
from billing.settings import Settings


def caused_by(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@dataclass(frozen=True)
class Attempt:
    response_cost: float


class TestIsTimeout:
    def test_finds_it_however_it_is_wrapped(self) -> None:
        assert is_timeout(litellm.Timeout("late", "m", "openai"))
        assert is_timeout(caused_by(RuntimeError("connection"), httpx.ReadTimeout("late")))
        assert is_timeout(caused_by(RuntimeError("a"), caused_by(RuntimeError("b"), TimeoutError())))

    def test_other_failures_are_none(self) -> None:
        circular = RuntimeError("a")
        circular.__cause__ = caused_by(RuntimeError("b"), circular)
        assert not is_timeout(circular)
        assert not is_timeout(caused_by(RuntimeError("a"), httpx.ConnectTimeout("never reached it")))


class TestRecoveredCost:
    def test_is_that_of_all_attempts(self) -> None:
        data = {
            "response_cost": 1.5e-06,
            "combined_usage_object": object(),
            "billed_failed_attempts": (Attempt(1.5e-06), Attempt(2e-06)),
        }
        assert recovered_cost(data) == Decimal("0.000005")

    @pytest.mark.parametrize("cost", [None, 0.0, -1.0, float("nan"), "a lot"])
    def test_of_what_is_no_cost_is_nothing(self, cost: object) -> None:
        assert recovered_cost({"response_cost": cost, "combined_usage_object": object()}) == 0

    def test_without_usage_is_nothing(self) -> None:
        assert recovered_cost({"response_cost": 1.0}) == 0


class TestUsage:
    @pytest.mark.parametrize("options", [None, {}, {"include_usage": False, "x": 1}])
    def test_of_streamed_completions_is_always_asked_for(self, options: dict[str, object] | None) -> None:
        data: dict[str, object] = {"stream": True, "stream_options": options}
        ask_for_usage(data, "atext_completion")
        assert data["stream_options"] == {**(options or {}), "include_usage": True}

    @pytest.mark.parametrize("options", [None, {}, {"include_usage": False, "x": 1}, {"include_usage": "no"}])
    def test_of_a_chat_whose_client_wants_none_is_asked_for_and_kept_from_it(
        self, options: dict[str, object] | None
    ) -> None:
        data: dict[str, object] = {"stream": True, "stream_options": options}
        ask_for_usage(data, "acompletion")
        assert data["stream_options"] == {**(options or {}), "include_usage": True}
        assert data["_litellm_strip_stream_usage"] is True

    @pytest.mark.parametrize(
        ("data", "call_type"),
        [
            ({"stream": False}, "atext_completion"),
            ({}, "atext_completion"),
            ({"stream": True}, "acompletion"),
            ({"stream": False, "stream_options": {}}, "acompletion"),
            ({"stream": True, "stream_options": {"include_usage": True}}, "acompletion"),
            ({"stream": True, "stream_options": {"include_usage": False}}, "anthropic_messages"),
        ],
    )
    def test_of_others_is_litellms_to_ask(self, data: dict[str, object], call_type: str) -> None:
        before = dict(data)
        ask_for_usage(data, call_type)
        assert data == before


# LiteLLM imports its routes when it first makes an error of its own, and pydantic warns of its TypedDicts.
@pytest.mark.filterwarnings("ignore:.*`ReadOnly` qualifier:UserWarning")
class TestACallThatPassedByTheMiddleware:
    """LiteLLM's hooks can be reached by other ways than its app: nothing would settle such a call."""

    async def test_is_refused_before_anything_is_held(self) -> None:
        asked: list[object] = []

        class Noting:
            async def admit(self, *arguments: object) -> None:
                asked.append(arguments)

        settings = Settings(_env_file=None)
        hook = _PROXY_BillingLogger(Noting(), None, settings)  # type: ignore[arg-type]  # neither is reached
        key = UserAPIKeyAuth(api_key="hash", user_id="u", user_role=LitellmUserRoles.INTERNAL_USER)
        with pytest.raises(ProxyException) as refused:
            await hook.async_pre_call_hook(key, None, {"model": "m"}, "acompletion")
        assert (refused.value.code, asked) == ("503", [])

        token = current_call.set(Call("/v1/chat/completions"))
        await hook.async_pre_call_hook(key, None, {"model": "m"}, "acompletion")
        current_call.reset(token)
        assert len(asked) == 1

from collections.abc import Iterator

import litellm
import pytest
from litellm.integrations.custom_logger import CustomLogger

from billing.proxy.litellm.mount import assert_mounted, keep_mounted, mount_hooks, unmount_hooks


class _PROXY_ConfigGuard(CustomLogger):  # type: ignore[misc]  # noqa: N801  # LiteLLM's base, the guard's name
    """The guard as LiteLLM loads it: from the file, in a module of its own."""


@pytest.fixture
def others() -> Iterator[list[CustomLogger]]:
    """Callbacks that were there before, as LiteLLM's own are."""
    before, successes = litellm.callbacks[:], litellm._async_success_callback[:]
    mine = [CustomLogger(), CustomLogger()]
    litellm.callbacks[:] = [_PROXY_ConfigGuard(), *mine]
    litellm._async_success_callback[:] = mine[:]
    yield mine
    litellm.callbacks[:], litellm._async_success_callback[:] = before, successes


class TestMountHooks:
    def test_is_last_before_a_call_and_first_after_it(self, others: list[CustomLogger]) -> None:
        hook = CustomLogger()
        mount_hooks(hook)
        assert litellm.callbacks == [*others, hook]
        assert litellm._async_success_callback == [hook, *others]

    def test_twice_is_once(self, others: list[CustomLogger]) -> None:
        hook = CustomLogger()
        mount_hooks(hook)
        mount_hooks(hook)
        assert litellm.callbacks.count(hook) == 1
        assert litellm._async_success_callback.count(hook) == 1

    def test_a_client_cannot_switch_logging_off(self, others: list[CustomLogger]) -> None:
        mount_hooks(CustomLogger())
        assert litellm.global_disable_no_log_param is True

    def test_a_configuration_without_events_of_streams_is_not_served(
        self, others: list[CustomLogger], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(litellm, "disable_streaming_logging", True)
        with pytest.raises(RuntimeError, match="disable_streaming_logging"):
            mount_hooks(CustomLogger())

    def test_a_hook_that_litellm_lost_is_noticed(self, others: list[CustomLogger]) -> None:
        hook = CustomLogger()
        mount_hooks(hook)
        unmount_hooks(hook)
        with pytest.raises(RuntimeError, match="unbilled"):
            assert_mounted(hook)


class TestKeepMounted:
    async def test_what_litellm_adds_later_comes_before_it(self, others: list[CustomLogger]) -> None:
        hook, guardrail, exporter = CustomLogger(), CustomLogger(), CustomLogger()
        mount_hooks(hook)
        litellm.callbacks.append(guardrail)
        litellm._async_success_callback.insert(0, exporter)

        await keep_mounted(hook)

        assert litellm.callbacks == [*others, guardrail, hook]
        assert litellm._async_success_callback == [hook, exporter, *others]

    async def test_lists_that_litellm_made_anew_get_it_again(self, others: list[CustomLogger]) -> None:
        hook = CustomLogger()
        mount_hooks(hook)
        unmount_hooks(hook)

        await keep_mounted(hook)

        assert_mounted(hook)

"""Installs billing's hooks in a started LiteLLM, and verifies that they stay installed."""

from __future__ import annotations

import litellm
from litellm.integrations.custom_logger import CustomLogger
from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

from billing.proxy.litellm.patches import CALLBACKS, NO_LOG, SUCCESS_CALLBACKS, check_known

GUARD_CLASS = "_PROXY_ConfigGuard"  # by name: LiteLLM may have loaded its own copy of the module


def mount_hooks(hook: CustomLogger) -> None:
    """Installs the hooks: last in the pre-call order, so that others can still refuse or rewrite first; first
    in the success order, so that slow callbacks do not use up our time.

    Raises RuntimeError if LiteLLM did not accept the hook (it silently refuses a 31st callback), or if its
    configuration disables the event that names the cost of streams.
    """
    if litellm.disable_streaming_logging:
        raise RuntimeError("Remove `disable_streaming_logging`: streams would be served unbilled.")
    check_known(NO_LOG, litellm.global_disable_no_log_param)
    check_known(CALLBACKS, litellm.callbacks)
    check_known(SUCCESS_CALLBACKS, litellm._async_success_callback)
    litellm.global_disable_no_log_param = True
    callbacks = litellm.callbacks
    for guard in [one for one in callbacks if type(one).__name__ == GUARD_CLASS]:
        callbacks.remove(guard)  # no longer needed; LiteLLM visits every callback in every call
    if hook in callbacks:
        callbacks.remove(hook)
    callbacks.append(hook)
    for order in (litellm._async_success_callback, litellm.success_callback):
        if hook in order:
            order.remove(hook)
    litellm._async_success_callback.insert(0, hook)
    assert_mounted(hook)


async def keep_mounted(hook: CustomLogger) -> None:
    """Reinstalls the hook where LiteLLM has changed its lists: it adds callbacks and guardrails that an admin
    sets by API, and those in its database.

    Raises RuntimeError if LiteLLM does not accept the hook.
    """
    callbacks, successes = litellm.callbacks, litellm._async_success_callback
    if not (callbacks and callbacks[-1] is hook and successes and successes[0] is hook):
        mount_hooks(hook)


def unmount_hooks(hook: CustomLogger) -> None:
    """Removes the hook at the end of the app's life."""
    for order in (litellm.callbacks, litellm._async_success_callback):
        if hook in order:
            order.remove(hook)


def assert_mounted(hook: CustomLogger) -> None:
    """Raises RuntimeError unless the hook will be called."""
    if hook not in litellm.callbacks or hook not in litellm._async_success_callback:
        raise RuntimeError("LiteLLM did not accept billing's hooks; refusing to serve unbilled.")


def current_router() -> object:
    """LiteLLM's router now; it is replaced when models change."""
    from litellm.proxy import proxy_server

    return proxy_server.llm_router


async def flush_events() -> None:
    """Waits until LiteLLM has handed on the events that it has queued."""
    await GLOBAL_LOGGING_WORKER.flush()

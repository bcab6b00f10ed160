"""A patch of ours meets what it was written for, or the gateway does not start."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import reduce
from importlib.metadata import version

import pytest

from billing.proxy.litellm import patches
from billing.proxy.litellm.patches import PATCHES, Patch, check_known
from billing.settings import Settings

SERVED = (patches.LIFESPAN,)  # that needs the whole proxy


def parts_of(patch: Patch) -> tuple[object, str]:
    """What holds the thing that is patched, and its name there."""
    *holders, name = patch.name.split(".")
    return reduce(getattr, holders, importlib.import_module(patch.module)), name


async def another(request: object) -> None:
    """What LiteLLM might make of it."""


def start_routes() -> None:
    from billing.proxy.litellm.route_guard import guard_routes

    guard_routes(Settings.model_construct())


def start_key_checks() -> None:
    from billing.proxy.litellm.key_check import guard_key_checks

    guard_key_checks()


def start_hooks() -> None:
    from litellm.integrations.custom_logger import CustomLogger

    from billing.proxy.litellm.mount import mount_hooks

    mount_hooks(CustomLogger())


def start_spend_logs() -> None:
    from billing.proxy.litellm.spend_log_rows import guard_spend_log_rows

    guard_spend_log_rows()


def start_requests() -> None:
    from billing.proxy.litellm.request_guard import guard_requests

    guard_requests(Settings.model_construct())


def start_cache() -> None:
    from billing.proxy.litellm.answer_cache import guard_cache

    guard_cache()


def start_provider_streams() -> None:
    from billing.proxy.litellm.provider_streams import follow_provider_streams

    follow_provider_streams()


def start_recordings() -> None:
    from billing.proxy.litellm.recording_seconds import charge_decoded_seconds

    charge_decoded_seconds()


STARTS = {
    patches.PREPARE_REQUEST: start_requests,
    patches.FORWARD_HEADERS: start_requests,
    patches.CACHE_NAMESPACE: start_cache,
    patches.AUTHORIZE: start_routes,
    patches.ANSWER_REFUSED_KEY: start_key_checks,
    patches.CALLBACKS: start_hooks,
    patches.SUCCESS_CALLBACKS: start_hooks,
    patches.NO_LOG: start_hooks,
    patches.SPEND_LOG_ROWS: start_spend_logs,
    patches.SEND_TO_PROVIDER: start_provider_streams,
    patches.RECORDING_SECONDS: start_recordings,
}


@pytest.mark.parametrize("patch", STARTS, ids=lambda patch: patch.name)
def test_it_is_what_we_know(patch: Patch) -> None:
    check_known(patch, getattr(*parts_of(patch)))


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.name)
@pytest.mark.parametrize("found", [another, None, 3], ids=["another", "nothing", "a number"])
def test_anything_else_is_refused_with_a_line_that_names_it(patch: Patch, found: object) -> None:
    with pytest.raises(RuntimeError) as refused:
        check_known(patch, found)
    line = str(refused.value)
    assert "\n" not in line
    for named in (patch.target, patch.file, version("litellm"), "refusing to serve"):
        assert named in line


@pytest.mark.parametrize(("patch", "start"), STARTS.items(), ids=[patch.name for patch in STARTS])
def test_who_patches_looks_first(
    patch: Patch, start: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, name = parts_of(patch)
    monkeypatch.setattr(holder, name, another)
    with pytest.raises(RuntimeError, match=name):
        start()
    assert getattr(holder, name) is another


def test_each_patch_has_its_start_here() -> None:
    assert set(STARTS) | set(SERVED) == set(PATCHES)

"""A patch of ours meets what it was written for, or the gateway does not start."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import reduce
from importlib.metadata import version

import litellm
import pytest
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy.auth import user_api_key_auth
from litellm.proxy.auth.auth_exception_handler import UserAPIKeyAuthExceptionHandler

from billing.proxy import patches
from billing.proxy.key_check import guard_key_checks
from billing.proxy.mount import mount_hooks
from billing.proxy.patches import PATCHES, Patch, check_known
from billing.proxy.route_guard import guard_routes
from billing.settings import Settings

UNSERVED = [patch for patch in PATCHES if patch is not patches.LIFESPAN]  # that needs the whole proxy
SETTINGS = Settings(stripe_api_key="sk_test_unit", stripe_webhook_secret="whsec_unit")


def of_litellm(patch: Patch) -> object:
    return reduce(getattr, patch.name.split("."), importlib.import_module(patch.module))


async def another(request: object) -> None:
    """What LiteLLM might make of it."""


@pytest.mark.parametrize("patch", UNSERVED, ids=lambda patch: patch.name)
def test_it_is_what_we_know(patch: Patch) -> None:
    check_known(patch, of_litellm(patch))


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.name)
@pytest.mark.parametrize("found", [another, None, 3])
def test_anything_else_is_refused_with_a_line_that_names_it(patch: Patch, found: object) -> None:
    with pytest.raises(RuntimeError) as refused:
        check_known(patch, found)
    line = str(refused.value)
    assert "\n" not in line
    for named in (patch.target, patch.file, version("litellm"), "refusing to serve"):
        assert named in line


@pytest.mark.parametrize(
    ("owner", "name", "start"),
    [
        (user_api_key_auth, "_authorize_authenticated_request", lambda: guard_routes(SETTINGS)),
        (UserAPIKeyAuthExceptionHandler, "handle_authentication_error", guard_key_checks),
        (litellm, "global_disable_no_log_param", lambda: mount_hooks(CustomLogger())),
        (litellm, "callbacks", lambda: mount_hooks(CustomLogger())),
        (litellm, "_async_success_callback", lambda: mount_hooks(CustomLogger())),
    ],
)
def test_who_patches_looks_first(
    owner: object, name: str, start: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, another)
    with pytest.raises(RuntimeError, match=rf"{name} of LiteLLM"):
        start()
    assert getattr(owner, name) is another

"""A callback in `proxy_server_config.yaml` that makes LiteLLM refuse to start without billing.

`litellm --config proxy_server_config.yaml` alone would serve every call unbilled.
"""

from __future__ import annotations

import os
import sys

from litellm.integrations.custom_logger import CustomLogger

if "billing.app" not in sys.modules:
    print(  # noqa: T201  # the one line that the operator must see, before any logger is set up
        "proxyllm: refusing to serve unbilled: start `proxyllm serve --config …` or an ASGI server on "
        "`billing.app:app`, not `litellm` itself.",
        file=sys.stderr,
        flush=True,
    )
    os._exit(78)  # EX_CONFIG; LiteLLM swallows exceptions of callbacks that fail to load


class _PROXY_ConfigGuard(CustomLogger):  # type: ignore[misc]  # LiteLLM ships no types
    """Does nothing: it only has to be loaded."""


guard = _PROXY_ConfigGuard()

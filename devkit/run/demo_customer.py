"""The demo customer and its virtual key, made with LiteLLM's own API.

Source: https://docs.litellm.ai/docs/proxy/virtual_keys
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import httpx

from devkit.run.keys import Keys
from gateway.failures import ProcessFailed

CUSTOMER = "demo"
TIMEOUT_S = 30.0


async def ensure(base_url: str, keys: Keys) -> None:
    """Creates the customer and the key if they are missing. Raises ProcessFailed with LiteLLM's answer."""
    headers = {"Authorization": f"Bearer {keys.master_key}"}
    async with httpx.AsyncClient(
        base_url=base_url, headers=headers, timeout=TIMEOUT_S, trust_env=False
    ) as gateway:
        if await _has_key(gateway, keys.demo_key):
            return
        customer = {"user_id": CUSTOMER, "user_role": "internal_user", "auto_create_key": False}
        await _post(gateway, "/user/new", customer, exists=httpx.codes.CONFLICT)
        key = {"key": keys.demo_key, "user_id": CUSTOMER, "key_alias": f"demo-{keys.demo_key[-8:]}"}
        await _post(gateway, "/key/generate", key)


async def _has_key(gateway: httpx.AsyncClient, key: str) -> bool:
    """Searches the list of hashes: requesting a missing key makes LiteLLM log an error."""
    answer = await gateway.get("/key/list", params={"user_id": CUSTOMER, "size": 100})
    if not answer.is_success:
        raise ProcessFailed(f"LiteLLM does not list keys ({answer.status_code})", answer.text[:2000])
    return hashlib.sha256(key.encode()).hexdigest() in answer.json()["keys"]


async def _post(
    gateway: httpx.AsyncClient, path: str, content: Mapping[str, object], exists: int | None = None
) -> None:
    answer = await gateway.post(path, json=content)
    if answer.is_success or answer.status_code == exists:
        return
    raise ProcessFailed(
        f"LiteLLM did not create the demo customer ({path}: {answer.status_code})", answer.text[:2000]
    )

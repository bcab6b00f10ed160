"""Checks models added by LiteLLM's API or UI: whether their prices survived in its database."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from typing import NamedTuple

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from billing.database.pool import connect
from billing.database.statements import load_statements
from billing.database.url import LITELLM_SCHEMA, read_url
from billing.errors import BillingError
from billing.settings import Settings
from gateway.configuration.reading import Model, Section
from gateway.doctor.configuration_checks import PriceMap, is_price, is_priced, price_map
from gateway.doctor.finding import Finding, failed, ok, warning

_SQL = load_statements("gateway.doctor")
WITHIN_S = 20.0
COPY_OF_THE_MAP = "key"  # in a `model_info`: LiteLLM's UI has copied the prices next to it
NEW_CIPHER = "v2:gcm:"  # litellm/proxy/common_utils/encrypt_decrypt_utils.py
NONCE_BYTES = 12
_WAY_OUT = "set prices in its litellm_params (PATCH /model/{id}/update)"


class Stored(NamedTuple):
    """A row of LiteLLM's model table."""

    name: str
    params: Section  # its strings are encrypted
    info: Section


async def check_stored_models(settings: Settings, environment: Mapping[str, str]) -> AsyncIterator[Finding]:
    """Reads the models once. An unreachable database is reported by its own check."""
    if settings.database_url is None:
        return
    try:
        rows = await _rows(settings.database_url.get_secret_value())
    except (TimeoutError, BillingError, psycopg.Error):
        return
    salt = environment.get("LITELLM_SALT_KEY") or environment.get("LITELLM_MASTER_KEY") or ""
    prices = price_map() if rows else {}
    found = [finding for row in rows for finding in examine_model(row, salt, prices)]
    for finding in found:
        yield finding
    if rows and not found:
        yield ok("stored models", f"{len(rows)} in LiteLLM's database, all with a price")


def examine_model(row: Stored, salt: str, prices: PriceMap) -> Iterator[Finding]:
    """Yields problems with the price of one model."""
    check = f"stored model {row.name}"
    model = _decrypted(str(row.params.get("model", "")), salt)
    if model is None:
        yield failed(check, "LITELLM_SALT_KEY is not the key it was encrypted with: it cannot be called")
        return
    ignored = _ignored(row)
    if ignored:
        yield warning(check, f"LiteLLM ignores {', '.join(ignored)} of its model_info: {_WAY_OUT}")
    info = {name: value for name, value in row.info.items() if name not in ignored}
    entry = Model(row.name, {"litellm_params": row.params, "model_info": info})
    if info.get("billing") != "free" and not is_priced(entry, model, prices):
        yield warning(check, f"has no price above zero, so billed keys cannot call it: {_WAY_OUT}")


def _ignored(row: Stored) -> list[str]:
    """Returns the prices in `model_info` that LiteLLM mistakes for a copy of its own map."""
    if COPY_OF_THE_MAP not in row.info:
        return []
    return sorted(
        name
        for name, value in row.info.items()
        if is_price(name) and value is not None and row.params.get(name) is None
    )


async def _rows(url: str) -> list[Stored]:
    async with asyncio.timeout(WITHIN_S), AsyncExitStack() as stack:
        connection = await stack.enter_async_context(await connect(read_url(url).conninfo))
        await connection.execute(f"SET search_path TO {LITELLM_SCHEMA}")
        known = await (await connection.execute(_SQL["models_known"])).fetchone()
        if known != (True,):  # not migrated yet, reported by the check of the database
            return []
        rows = await (await connection.execute(_SQL["stored_models"])).fetchall()
        return [Stored(str(name), _section(params), _section(info)) for name, params, info in rows]


def _section(value: object) -> Section:
    """Returns an object of a JSON column; LiteLLM stored some of them as JSON strings."""
    found = json.loads(value) if isinstance(value, str) else value
    return found if isinstance(found, dict) else {}


def _decrypted(value: str, salt: str) -> str | None:
    """Decrypts a string like LiteLLM: anything that is not a ciphertext is plain; None for another key."""
    key = hashlib.sha256(salt.encode()).digest()
    try:
        if value.startswith(NEW_CIPHER):
            sealed = base64.urlsafe_b64decode(value.removeprefix(NEW_CIPHER))
            return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None).decode()
        sealed = base64.b64decode(value, altchars=b"-_", validate=True)
    except InvalidTag:
        return None
    except (binascii.Error, ValueError):
        return value
    if len(sealed) < SecretBox.NONCE_SIZE + SecretBox.MACBYTES:
        return value
    try:
        return SecretBox(key).decrypt(sealed).decode()
    except CryptoError:
        return None

"""Reads the text fields of a form, exactly as LiteLLM will read them from the same bytes."""

from __future__ import annotations

import json

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message

from billing.errors import BadRequest, TooLarge
from billing.proxy.requests.json_document import Document, read_document
from billing.proxy.requests.request_body import REPLAYED_BYTES, replaying
from billing.proxy.requests.structure import StructureLimits

PARTS_MAX = 200  # fields and files; Starlette's own limit, which LiteLLM uses, is a thousand each
PLAIN_BYTES_MAX = 256 * 1024  # for a form without files
_OF_MANY = "[]"  # `image[]`: one name, many values
_MAY_BE_MANY = frozenset({"image[]", "timestamp_granularities[]", "include[]"})
_FILES = frozenset({"file", "image", "image[]", "mask", "document"})
_JSON_FIELDS = ("metadata", "litellm_metadata")  # strings that LiteLLM reads as JSON


async def read_form(
    body: bytes, headers: Headers, limits: StructureLimits, needs_file: bool = False
) -> Document:
    """Returns the text fields of the form, without files. `needs_file` requires a `file`.

    Raises BadRequest for an invalid form, and for a field that appears twice with different values.
    """
    if body.lstrip()[:1] in (b"{", b"["):
        raise BadRequest("The body is JSON but has the content type of a form; send it as application/json.")
    _check_size(body, headers)
    form = await _parsed(body, headers)
    fields: Document = {}
    try:
        if needs_file and not isinstance(form.get("file"), UploadFile):
            raise BadRequest("The form has no `file`.", param="file")
        for name, value in form.multi_items():
            if name.endswith(_OF_MANY) and name not in _MAY_BE_MANY:
                raise BadRequest(f"The field `{name[:100]}` takes one value: send it without brackets.")
            if isinstance(value, UploadFile):
                if name not in _FILES:
                    raise BadRequest(f"The field `{name[:100]}` must be text, not a file.")
                continue
            if name in fields and not name.endswith(_OF_MANY) and fields[name] != value:
                raise BadRequest(f"The field `{name[:100]}` appears twice, with different values.")
            fields[name] = value
    finally:
        await form.close()
    for name in _JSON_FIELDS:
        text = fields.get(name)
        if isinstance(text, str):
            fields[name] = _json_field(name, text, limits)
    return fields


def _check_size(body: bytes, headers: Headers) -> None:
    """Raises TooLarge for more parts than any call has, before parsing creates objects for them."""
    _, parameters = parse_options_header(headers.get("content-type", ""))
    boundary = parameters.get(b"boundary")
    if boundary is None and len(body) > PLAIN_BYTES_MAX:
        raise TooLarge(f"A form without files may have at most {PLAIN_BYTES_MAX} bytes.")
    parts = body.count(b"&") if boundary is None else body.count(b"\n--" + boundary[:1])
    if parts > PARTS_MAX and (boundary is None or body.count(b"--" + boundary) > PARTS_MAX):
        raise TooLarge(f"A form may have at most {PARTS_MAX} fields.")


async def _parsed(body: bytes, headers: Headers) -> FormData:
    receive = replaying(body, _nothing, REPLAYED_BYTES)
    request = Request({"type": "http", "method": "POST", "headers": headers.raw}, receive)
    try:
        return await request.form(max_files=PARTS_MAX, max_fields=PARTS_MAX)
    except (MultiPartException, UnicodeDecodeError, ValueError, KeyError) as error:
        raise BadRequest(f"The body is not a valid form of its content type: {error}") from error


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _json_field(name: str, text: str, limits: StructureLimits) -> Document:
    try:
        return read_document(text.encode(), limits)
    except (BadRequest, json.JSONDecodeError) as error:
        raise BadRequest(f"The field `{name}` must be a JSON object: {error}", param=name) from error

"""A form is read as LiteLLM reads it, and refused where it could be read in two ways."""

import pytest
from starlette.datastructures import Headers

from billing.errors import BadRequest
from billing.proxy.http.form import read_form
from billing.proxy.http.structure import StructureLimits

LIMITS = StructureLimits(nodes_max=100, elements_max=100, depth_max=10)
URLENCODED = Headers({"content-type": "application/x-www-form-urlencoded"})
MULTIPART = Headers({"content-type": "multipart/form-data; boundary=b"})


def multipart(*parts: tuple[str, str]) -> bytes:
    return "".join(f"--b\r\n{head}\r\n\r\n{text}\r\n" for head, text in parts).encode() + b"--b--\r\n"


def field(name: str) -> str:
    return f'Content-Disposition: form-data; name="{name}"'


async def test_gives_text_fields_and_leaves_files_out() -> None:
    body = multipart((field("model"), "m"), (field("file") + '; filename="a.wav"', "RIFF"))
    assert await read_form(body, MULTIPART, LIMITS) == {"model": "m"}


async def test_metadata_is_read_as_the_json_that_litellm_makes_of_it() -> None:
    body = multipart((field("metadata"), '{"model_group": "free-tier"}'))
    assert await read_form(body, MULTIPART, LIMITS) == {"metadata": {"model_group": "free-tier"}}


@pytest.mark.parametrize("text", ["[]", "5", "{", '{"a":1,"a":2}', '{"a":NaN}', ""])
async def test_metadata_that_is_no_plain_json_object_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="metadata"):
        await read_form(multipart((field("metadata"), text)), MULTIPART, LIMITS)


async def test_a_field_that_stands_twice_with_different_values_is_refused() -> None:
    with pytest.raises(BadRequest, match="twice"):
        await read_form(b"model=cheap&model=dear", URLENCODED, LIMITS)
    assert await read_form(b"model=m&model=m", URLENCODED, LIMITS) == {"model": "m"}


async def test_a_field_for_many_values_may_stand_often() -> None:
    body = b"timestamp_granularities%5B%5D=word&timestamp_granularities%5B%5D=segment"
    assert "timestamp_granularities[]" in await read_form(body, URLENCODED, LIMITS)


@pytest.mark.parametrize("body", [b'{"model":"m"}', b' \n[{"model":"m"}]'])
async def test_json_under_a_forms_content_type_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match="application/json"):
        await read_form(body, URLENCODED, LIMITS)


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=other"])
async def test_what_is_no_form_is_refused(content_type: str) -> None:
    with pytest.raises(BadRequest):
        await read_form(b"--b\r\nnonsense", Headers({"content-type": content_type}), LIMITS)

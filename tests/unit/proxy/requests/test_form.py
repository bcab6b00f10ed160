"""A form is read as LiteLLM reads it, and refused where it could be read in two ways."""

import time

import pytest
from starlette.datastructures import Headers

from billing.errors import BadRequest, TooLarge
from billing.proxy.requests.form import read_form
from billing.proxy.requests.structure import StructureLimits

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


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"&" * 8_000_000, URLENCODED),
        (b"a=1&" * 500, URLENCODED),
        (b"\r\n--b" * 1_000_000, MULTIPART),
        (b"--b\r\n" * 1_000_000, MULTIPART),
        (multipart(*[(field(f"f{n}"), "x") for n in range(300)]), MULTIPART),
    ],
    ids=["separators", "fields", "boundaries", "first boundaries", "parts"],
)
async def test_many_parts_are_refused_before_they_are_parsed(body: bytes, headers: Headers) -> None:
    began = time.thread_time()
    with pytest.raises(TooLarge):
        await read_form(body, headers, LIMITS)
    assert time.thread_time() - began < 2  # it took 6 to 12 s


@pytest.mark.parametrize("name", ["model", "metadata", "user", "prompt"])
async def test_a_text_that_comes_as_a_file_is_refused(name: str) -> None:
    with pytest.raises(BadRequest, match="not a file"):
        await read_form(multipart((field(name) + '; filename="x"', "y")), MULTIPART, LIMITS)


@pytest.mark.parametrize("name", ["model[]", "metadata[]", "extra_headers[]", "api_base[]"])
async def test_brackets_do_not_make_another_name_of_a_field(name: str) -> None:
    with pytest.raises(BadRequest, match="brackets"):
        await read_form(multipart((field(name), "y")), MULTIPART, LIMITS)


async def test_a_call_that_needs_a_file_is_refused_without_one() -> None:
    with_file = multipart((field("file") + '; filename="x"', "y"))
    assert await read_form(with_file, MULTIPART, LIMITS, needs_file=True) == {}
    for body in (multipart((field("file"), "y")), multipart((field("mask") + '; filename="x"', "y"))):
        with pytest.raises(BadRequest, match="no `file`"):
            await read_form(body, MULTIPART, LIMITS, needs_file=True)

"""Only what every parser reads alike is a document."""

import json

import pytest

from billing.errors import BadRequest
from billing.proxy.requests.json_document import read_document
from billing.proxy.requests.structure import StructureLimits

LIMITS = StructureLimits(nodes_max=10_000, elements_max=10_000, depth_max=50)


@pytest.mark.parametrize(
    "encoding",
    ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "utf-8-sig", "latin-1", "cp037"],
)
def test_another_encoding_than_utf_8_is_refused(encoding: str) -> None:
    raw = '{"märz": {"billing_trusted_backend": true}}'.encode(encoding)
    with pytest.raises(BadRequest):
        read_document(raw, LIMITS)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b" ", b"null", b"[]", b"5", b'"text"', b"true", b"{}{}", b'{"a":1}x', b"{'a':1}", b'{"a":1,}',
        b'{"a":NaN}', b'{"a":Infinity}', b'{"a":-Infinity}', b'{"a":1e999}', b'{"a":01}', b'{"a":+1}',
        b'{"a":0x10}', b'{"a":.5}', b'{"a":1.}', b'{"a":"\\ud800"}', b'{"a":"\\udc00\\ud800"}',
        b'{"a":"\x00"}', b'{"a":"\n"}', b'{"a":"\xff"}', b'{"a":"\xc0\xaf"}', b"/* */{}", b'{"a":"\\x41"}',
        b"\x0c{}", b"\xa0{}", b'{"a":1 "b":2}', b"{" , b'{"a"', b'["a"]',
    ],
)  # fmt: skip
def test_what_is_no_plain_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(BadRequest):
        read_document(raw, LIMITS)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"model":"cheap","model":"dear"}',
        b'{"model":"cheap","\\u006dodel":"dear"}',
        b'{"metadata":{"a":1},"metadata":{"a":2}}',
        b'{"x":[{"n":1,"n":2}]}',
        b'{"n":1,"n":true}',
        b'{"n":1,"n":1.0}',
        b'{"n":null,"n":5}',
    ],
)
def test_a_key_that_stands_twice_with_different_values_is_refused(raw: bytes) -> None:
    with pytest.raises(BadRequest, match="twice"):
        read_document(raw, LIMITS)


def test_a_key_that_stands_twice_with_one_value_is_read() -> None:
    assert read_document(b'{"model":"m","n":[1],"model":"m","n":[1]}', LIMITS) == {"model": "m", "n": [1]}


def test_is_read_as_pythons_own_parser_reads_it() -> None:
    raw = json.dumps(
        {"text": '"\\{[:,é€\u2028\U0001f600', "numbers": [0, -1, 2**63 - 1, 1.5e-7, 1e300], "none": None}
    ).encode()
    assert read_document(raw, LIMITS) == json.loads(raw)

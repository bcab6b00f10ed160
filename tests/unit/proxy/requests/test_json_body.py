import json

import pytest
from starlette.datastructures import Headers

from billing.errors import BadRequest
from billing.proxy.requests.json_body import not_an_object, refuse_non_finite

JSON = Headers({"content-type": "application/json; charset=utf-8"})


class TestNotAnObject:
    @pytest.mark.parametrize("body", [b"[]", b"null", b"NaN", b'"x"', b" \n 1", b"\xff"])
    def test_is_a_400(self, body: bytes) -> None:
        assert isinstance(not_an_object(body, JSON), BadRequest)
        assert isinstance(not_an_object(body, Headers()), BadRequest)

    @pytest.mark.parametrize("body", [b'{"a": 1}', b"  \r\n{", b"", b"   "])
    def test_what_may_be_one_is_not_refused(self, body: bytes) -> None:
        assert not_an_object(body, JSON) is None

    @pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", "audio/wav", "text/plain"])
    def test_what_is_no_json_is_not_looked_at(self, content_type: str) -> None:
        assert not_an_object(b"--x", Headers({"content-type": content_type})) is None


class TestNonFinite:
    @pytest.mark.parametrize(
        "body",
        [
            '{"temperature": NaN}',
            '{"logit_bias": {"50256": Infinity}}',
            '{"tools": [{"x": [-Infinity]}]}',
        ],
    )
    def test_is_a_400_that_names_the_field(self, body: str) -> None:
        parsed = json.loads(body)
        with pytest.raises(BadRequest, match=next(iter(parsed))):
            refuse_non_finite(parsed)

    def test_numbers_are_not(self) -> None:
        refuse_non_finite({"temperature": 0.5, "stop": ["NaN"], "n": 1, "messages": [{"x": 1.5}]})

    def test_endless_nesting_is_left_to_those_who_read_it(self) -> None:
        deep: dict[str, object] = {"x": float("nan")}
        for _ in range(10_000):
            deep = {"x": deep}
        refuse_non_finite(deep)

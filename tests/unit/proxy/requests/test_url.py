"""What PostgreSQL cannot take is refused in a URL; what merely looks odd is not."""

import pytest

from billing.errors import BadRequest
from billing.proxy.requests.url import check_url


def check(path: str, query: bytes = b"") -> None:
    check_url({"type": "http", "path": path, "query_string": query})


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/key/a\x00b/regenerate", b""),
        ("/key/info", b"key=a%00b"),
        ("/key/list", b"page=999999999999999999999"),
        ("/key/list", b"page=%31000000000001"),
        ("/key/list", b"page=-10_000_000_000"),
        ("/user/daily/activity", b"timezone=%2B0099999999999"),
        ("/key/list", b"a=b&" * 1_001),
    ],
)
def test_what_no_row_and_no_page_can_be_is_refused(path: str, query: bytes) -> None:
    with pytest.raises(BadRequest):
        check(path, query)


@pytest.mark.parametrize(
    "query",
    [
        b"",
        b"page=3&page_size=100",
        b"user_id=999999999999999999999",
        b"page=x",
        b"page=%C2%B2",  # a digit to Python, and no number
        b"a=%2500&page=",
        b"\xff=%ff",
    ],
)
def test_anything_else_passes(query: bytes) -> None:
    check("/key/list", query)

"""Headers out of which LiteLLM reads JSON and numbers hold what it can read and store."""

import pytest
from starlette.datastructures import Headers

from billing.errors import BadRequest
from billing.proxy.requests.control_headers import check_control_headers

LABELS = "x-litellm-spend-logs-metadata"


@pytest.mark.parametrize(
    "value",
    [
        '{"\\ud800":"\\ud800"}',
        '{"a":"\\udc00"}',
        '{"a":"\\u0000"}',
        "[]",
        "null",
        "{",
        '{"a":NaN}',
        '{"a":1,"a":2}',
        '{"a":' * 20 + "1" + "}" * 20,
    ],
)
def test_labels_that_no_row_can_hold_are_refused(value: str) -> None:
    with pytest.raises(BadRequest, match=LABELS):
        check_control_headers(Headers({LABELS: value}))


@pytest.mark.parametrize("name", ["timeout", "stream-timeout", "num-retries", "keepalive-seconds"])
@pytest.mark.parametrize("value", ["abc", "nan", "inf", "-1", ""])
def test_words_in_place_of_numbers_are_refused(name: str, value: str) -> None:
    with pytest.raises(BadRequest, match=name):
        check_control_headers(Headers({f"x-litellm-{name}": value}))


def test_what_clients_send_passes() -> None:
    headers = {LABELS: '{"team": "blue", "emoji": "\\ud83d\\ude00"}', "x-litellm-timeout": "60.5"}
    check_control_headers(Headers(headers | {"x-litellm-num-retries": "2", "x-litellm-tags": "a,b"}))

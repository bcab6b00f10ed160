"""Checkout returns to us or to hosts that the operator names; never anywhere else."""

from __future__ import annotations

import pytest

from billing.errors import BadRequest
from billing.settings import Settings
from billing.topups.return_urls import cancel_url, success_url

SETTINGS = Settings(
    billing_public_url="https://pay.example.com/",
    billing_return_hosts="app.example.com, Staging.example.com:8443",
)


class TestByDefault:
    def test_the_browser_comes_to_our_own_page(self) -> None:
        page = "https://pay.example.com/billing/topup/return"
        assert success_url(SETTINGS, None) == f"{page}?session_id={{CHECKOUT_SESSION_ID}}"
        assert cancel_url(SETTINGS, None) == f"{page}?canceled=1"

    def test_without_a_public_url_it_is_the_port_we_listen_on(self) -> None:
        settings = Settings(billing_public_url=None, port=4321)
        assert success_url(settings, None).startswith("http://127.0.0.1:4321/billing/")


@pytest.mark.parametrize(
    "url",
    [
        "https://pay.example.com/thanks",
        "https://PAY.example.com:443/thanks?session_id={CHECKOUT_SESSION_ID}",
        "https://app.example.com",
        "http://app.example.com/a%20b#done",
        "https://staging.example.com:8443/x",
    ],
)
def test_our_host_and_the_listed_ones_are_taken(url: str) -> None:
    assert success_url(SETTINGS, url) == url
    assert cancel_url(SETTINGS, url) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example",
        "https://pay.example.com.evil.example/",
        "https://evil.example/pay.example.com",
        "https://pay.example.com@evil.example/",
        "https://evil.example#@pay.example.com",
        "https://evil.example\\@pay.example.com",
        "https://pay.example.com\\.evil.example",
        "http://pay.example.com/",  # another origin than ours
        "https://pay.example.com:8443/",
        "https://app.example.com:8443/",
        "https://staging.example.com/",
        "//evil.example",
        "https:evil.example",
        "https:///evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://app.example.com/",
        "/relative",
        "",
        " https://app.example.com/",
        "https://app.example.com/\r\nSet-Cookie: a=b",
        "https://app.example.com:99999/",
        "https://app.example.com:0/",
        "https://[::1/",
        "https://äpp.example.com/",
    ],
)
def test_nothing_else_is(url: str) -> None:
    with pytest.raises(BadRequest) as caught:
        success_url(SETTINGS, url)
    assert caught.value.param == "success_url"
    with pytest.raises(BadRequest) as caught:
        cancel_url(SETTINGS, url)
    assert caught.value.param == "cancel_url"

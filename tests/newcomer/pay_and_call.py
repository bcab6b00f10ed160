"""A customer's first minute, with the standard library alone: refused, pays, calls, is charged."""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from decimal import Decimal
from pathlib import Path

CREDITED_WITHIN_S = 30
Answer = dict[str, object]
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(url: str, key: str | None = None, body: object = None) -> tuple[int, Answer]:
    """GETs, or POSTs a body; the status and the JSON of the answer."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - an address out of our own run.json
    try:
        with OPENER.open(request, timeout=120) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def main(run_file: Path) -> None:
    """Does it on the gateway of that run.json."""
    run: dict[str, str] = json.loads(run_file.read_text("utf-8"))
    base, key = run["base_url"], run["demo_key"]
    chat = {"model": "demo-chat", "messages": [{"role": "user", "content": "Hello"}]}
    refused, answer = ask(f"{base}/v1/chat/completions", key, chat)
    assert refused == 402, answer
    _, topup = ask(f"{base}/stripe/topup", key, {"amount": "10.00"})
    session = topup["checkout_session_id"]
    paid, answer = ask(
        f"{run['stripe_api_base']}/sandbox/checkout/sessions/{session}/pay",
        body={"card": "4242424242424242"},
    )
    assert paid == 200, answer
    deadline = time.monotonic() + CREDITED_WITHIN_S
    while balance(base, key) != 10:
        assert time.monotonic() < deadline, "the payment was not credited"
        time.sleep(0.2)
    served, answer = ask(f"{base}/v1/chat/completions", key, chat)
    assert served == 200, answer
    while balance(base, key) == 10:
        assert time.monotonic() < deadline, "the call was not charged"
        time.sleep(0.2)
    sys.stderr.write(f"newcomer: refused, paid 10.00, called, {balance(base, key)} left\n")


def balance(base: str, key: str) -> Decimal:
    """The customer's balance."""
    _, answer = ask(f"{base}/stripe/balance", key)
    return Decimal(str(answer["balance"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

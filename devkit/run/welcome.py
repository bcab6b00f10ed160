"""The message of `proxyllm run` when it is ready."""

from __future__ import annotations

from pathlib import Path

from devkit.run.run_file import RunFile

SANDBOX_CARD = "4242 4242 4242 4242"


def ready_line(total_s: float, import_s: float) -> str:
    """The duration of the start, and the import of LiteLLM's proxy in it."""
    ours_s = max(0.0, total_s - import_s)
    return f"ready in {total_s:.1f} s: {import_s:.1f} s import of LiteLLM's proxy, {ours_s:.1f} s ours"


def welcome(run: RunFile, home: Path, *, sandbox: bool) -> str:
    """Returns the URLs, and a call to copy."""
    pay = f"pay with the test card {SANDBOX_CARD}" if sandbox else "Stripe is the real one"
    stripe = "Stripe sandbox" if sandbox else "Stripe"
    return f"""
  Gateway         {run.base_url}  (OpenAI's and Anthropic's API; all endpoints: {run.base_url}/docs)
  Customer page   {run.page_url}
  Admin page      {run.admin_page_url}
  {stripe:<15} {run.stripe_api_base}
  Demo key        {run.demo_key}  (customer {run.demo_customer})
  Master key      in {home / "run.json"}, with everything else that programs need

  Prepaid means: top up on the customer page first ({pay}), then call:

  curl {run.base_url}/v1/chat/completions -H 'Content-Type: application/json' \\
    -H 'Authorization: Bearer {run.demo_key}' \\
    -d '{{"model": "demo-chat", "messages": [{{"role": "user", "content": "Hello"}}]}}'

  Ctrl-C stops all of it. Balances stay in {home}.
"""

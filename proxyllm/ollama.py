"""`proxyllm ollama discover`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import yaml

from billing.errors import NotConfigured
from gateway.messages import DONE, tell
from gateway.models.ollama import Discovered, Price, Wanted, discover, read_price
from proxyllm.output import answer, say

HEADER = "# Written by `proxyllm ollama discover`: run it again to update. Prices are US dollars per token.\n"


def discover_node(base_url: str, wanted: Wanted, output: Path | None, *, as_json: bool) -> int:
    """Prints or writes the entries of a node."""
    return answer(_discover(base_url, wanted, output, as_json=as_json))


async def _discover(base_url: str, wanted: Wanted, output: Path | None, *, as_json: bool) -> int:
    found = await discover(base_url, wanted)
    if output is not None:
        _write(output, found)
    for reason in found.skipped:
        tell(f"left out: {reason}")
    if as_json:
        say(json.dumps({"model_list": found.entries, "skipped": found.skipped}))
    elif output is None:
        say(_yaml(found))
    else:
        say(f"{len(found.entries)} models written to {output}")
    return DONE


def read_model_prices(texts: Sequence[str]) -> dict[str, Price]:
    """Parses `NAME=IN/OUT` entries. Raises NotConfigured for invalid or duplicate ones."""
    prices: dict[str, Price] = {}
    for text in texts:
        name, equals, price = text.rpartition("=")
        if not equals or not name or name in prices:
            raise NotConfigured(f"`{text}`: write NAME=IN/OUT, once for each model.")
        prices[name] = read_price(price)
    return prices


def _yaml(found: Discovered) -> str:
    return HEADER + yaml.safe_dump({"model_list": found.entries}, sort_keys=False).rstrip()


def _write(output: Path, found: Discovered) -> None:
    """Only replaces files written by this command. Raises NotConfigured for others, or if writing fails."""
    try:
        if output.exists() and not output.read_text("utf-8").startswith(HEADER):
            raise NotConfigured(f"{output} was not written by this command: name another file.")
        draft = output.with_name(f"{output.name}.draft")
        draft.write_text(f"{_yaml(found)}\n", "utf-8")
        draft.replace(output)
    except (OSError, UnicodeDecodeError) as error:
        raise NotConfigured(f"{output} cannot be written: {error}.") from error

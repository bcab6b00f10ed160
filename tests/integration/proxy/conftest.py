"""LiteLLM reads its price map when it is imported: from its own files, not from the network."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.price_map import without_additions

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"


@pytest.fixture(scope="module", autouse=True)
def price_map(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each file leaves LiteLLM's price map without its own deployments; `sent/` shares its router's."""
    if "sent" in request.path.parts:
        yield
        return
    with without_additions():
        yield

"""A node's models become priced entries; anything but an Ollama is refused with a line."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest
import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from billing.errors import NotConfigured
from gateway.models.ollama import Price, Wanted, discover, read_price
from proxyllm.ollama import discover_node, read_model_prices

# As `ollama` 0.9 answers for these three.
SHOWN: dict[str, dict[str, object]] = {
    "llama3.2:latest": {
        "capabilities": ["completion", "tools"],
        "model_info": {"general.architecture": "llama", "llama.context_length": 131072},
        "details": {"family": "llama", "parameter_size": "3.2B"},
    },
    "tiny:1b": {"capabilities": ["completion", "vision"], "model_info": {"gemma3.context_length": 2048}},
    "nomic-embed-text:latest": {
        "capabilities": ["embedding"],
        "model_info": {"nomic-bert.context_length": 2048},
    },
    "gpt-oss:120b-cloud": {"capabilities": ["completion"], "remote_host": "https://ollama.com:443"},
}


async def _tags(_request: Request) -> Response:
    return JSONResponse({"models": [{"name": name, "size": 1, "digest": "d"} for name in SHOWN]})


async def _show(request: Request) -> Response:
    return JSONResponse(SHOWN[(await request.json())["model"]])


async def _page(_request: Request) -> Response:
    return PlainTextResponse("<html>")


NODE = [Route("/api/tags", _tags), Route("/api/show", _show, methods=["POST"])]


@asynccontextmanager
async def _serving(routes: list[Route]) -> AsyncIterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="error"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


def _wanted(**prices: Price) -> Wanted:
    price = Price(Decimal("0.10"), Decimal("0.30"))
    return Wanted("hugo", "os.environ/OLLAMA_API_BASE", price, prices, context_max=16384, output_max=4096)


class TestDiscover:
    async def test_every_model_of_the_node_has_a_price_an_id_and_limits(self) -> None:
        async with _serving(NODE) as url:
            found = await discover(url, _wanted())

        assert found.entries == [
            {
                "model_name": "hugo/llama3.2:latest",
                "litellm_params": {
                    "model": "ollama_chat/llama3.2:latest",
                    "api_base": "os.environ/OLLAMA_API_BASE",
                    "num_ctx": 16384,
                },
                "model_info": {
                    "id": "hugo-llama3.2:latest",
                    "mode": "chat",
                    "input_cost_per_token": 1e-07,
                    "max_input_tokens": 16384,
                    "output_cost_per_token": 3e-07,
                    "max_output_tokens": 4096,
                    "supports_function_calling": True,
                },
            },
            {
                "model_name": "hugo/tiny:1b",
                "litellm_params": {
                    "model": "ollama_chat/tiny:1b",
                    "api_base": "os.environ/OLLAMA_API_BASE",
                    "num_ctx": 2048,
                },
                "model_info": {
                    "id": "hugo-tiny:1b",
                    "mode": "chat",
                    "input_cost_per_token": 1e-07,
                    "max_input_tokens": 2048,
                    "output_cost_per_token": 3e-07,
                    "max_output_tokens": 2048,
                    "supports_vision": True,
                },
            },
            {
                "model_name": "hugo/nomic-embed-text:latest",
                "litellm_params": {
                    "model": "ollama/nomic-embed-text:latest",
                    "api_base": "os.environ/OLLAMA_API_BASE",
                },
                "model_info": {
                    "id": "hugo-nomic-embed-text:latest",
                    "mode": "embedding",
                    "input_cost_per_token": 1e-07,
                    "max_input_tokens": 2048,
                    "output_cost_per_token": 0.0,
                },
            },
        ]

    async def test_what_runs_elsewhere_is_no_model_of_the_node(self) -> None:
        async with _serving(NODE) as url:
            found = await discover(url, _wanted())

        assert found.skipped == ["gpt-oss:120b-cloud: it runs on https://ollama.com:443 instead of the node"]

    async def test_one_model_may_have_a_price_of_its_own(self) -> None:
        async with _serving(NODE) as url:
            found = await discover(url, _wanted(**{"tiny:1b": Price(Decimal("0.02"), Decimal("0.04"))}))

        info = found.entries[1]["model_info"]
        assert isinstance(info, dict)
        assert (info["input_cost_per_token"], info["output_cost_per_token"]) == (2e-08, 4e-08)

    async def test_a_price_for_a_model_that_is_not_there_is_a_mistake(self) -> None:
        async with _serving(NODE) as url:
            with pytest.raises(NotConfigured, match=r"has no tiny:2b"):
                await discover(url, _wanted(**{"tiny:2b": Price(Decimal(1), Decimal(1))}))

    @pytest.mark.parametrize("routes", [[], [Route("/api/tags", _page)]], ids=["404", "no JSON"])
    async def test_a_server_that_is_no_ollama_is_named(self, routes: list[Route]) -> None:
        async with _serving(routes) as url:
            with pytest.raises(NotConfigured, match=url):
                await discover(url, _wanted())

    async def test_a_node_that_is_off_is_named(self) -> None:
        async with _serving([]) as url:
            pass
        with pytest.raises(NotConfigured, match="cannot be reached"):
            await discover(url, _wanted())


class TestPrices:
    @pytest.mark.parametrize(
        "text", ["", "1", "1/", "/1", "a/b", "-1/1", "1/-1", "nan/1", "inf/1", "1/2/3", "0/1", "99999/1"]
    )
    def test_what_is_no_price_is_refused(self, text: str) -> None:
        with pytest.raises(NotConfigured):
            read_price(text)

    def test_prices_of_single_models(self) -> None:
        assert read_model_prices(["a:1b=0.1/0.3"]) == {"a:1b": Price(Decimal("0.1"), Decimal("0.3"))}
        for wrong in (["a:1b"], ["=1/1"], ["a=1/1", "a=2/2"]):
            with pytest.raises(NotConfigured):
                read_model_prices(wrong)


class TestCommand:
    async def test_it_writes_a_file_that_litellm_reads_and_renews_only_its_own(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        output, others = tmp_path / "hugo.yaml", tmp_path / "config.yaml"
        others.write_text("model_list: []\n")
        async with _serving(NODE) as url:

            def command(file: Path) -> Callable[[], int]:
                return lambda: discover_node(url, _wanted(), file, as_json=False)

            codes = [await asyncio.to_thread(command(file)) for file in (output, output, others)]

        assert codes == [0, 0, 1]
        assert len(yaml.safe_load(output.read_text())["model_list"]) == 3
        assert others.read_text() == "model_list: []\n"
        assert "was not written by this command" in capsys.readouterr().err

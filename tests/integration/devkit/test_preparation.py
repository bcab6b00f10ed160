"""What a first start fetches and says meanwhile, and what it need not fetch."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.failures import ProcessFailed
from gateway.litellm_database import native_engine, prepare_client, toolchain
from gateway.litellm_database.native_engine import ENGINE_VERSION

pytestmark = pytest.mark.timeout(600)  # a new machine installs and generates first


def write_engine(path: Path, version: str = ENGINE_VERSION) -> Path:
    """A program that says its version as Prisma's engine does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho query-engine {version}\n", "ascii")
    path.chmod(0o755)
    return path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """prisma-client-py's, empty."""
    monkeypatch.delenv("PRISMA_QUERY_ENGINE_BINARY", raising=False)
    monkeypatch.setenv("PRISMA_BINARY_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


class TestNativeEngine:
    async def test_that_is_named_is_preferred_to_ours(
        self, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await prepare_client(lambda text: None)  # so that only the engine is in question
        write_engine(cache / "prisma-query-engine-linux")
        named = write_engine(tmp_path / "engine")
        monkeypatch.setenv("PRISMA_QUERY_ENGINE_BINARY", str(named))
        said: list[str] = []
        prepared = await prepare_client(said.append)
        assert (prepared["PRISMA_QUERY_ENGINE_BINARY"], said) == (str(named), [])

    async def test_that_prisma_has_fetched_before_is_preferred_to_ours(self, cache: Path) -> None:
        fetched = write_engine(cache / "node_modules" / "@prisma" / "engines" / "query-engine-debian")
        assert (await prepare_client(lambda text: None))["PRISMA_QUERY_ENGINE_BINARY"] == str(fetched)

    async def test_of_another_version_or_machine_is_left_alone(self, cache: Path) -> None:
        write_engine(cache / "prisma-query-engine-1", version="0" * 40)
        foreign = write_engine(cache / "prisma-query-engine-2")
        foreign.write_bytes(b"\x7fELF of another machine")
        write_engine(cache / "prisma-query-engine-3").chmod(0o644)
        assert await native_engine.find() is None
        assert (await prepare_client(lambda text: None))["PRISMA_QUERY_ENGINE_BINARY"].endswith(
            "/query-engine"
        )


class TestProgress:
    async def test_installing_the_engine_is_said_before_it_takes_its_time(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
        monkeypatch.setenv("npm_config_fetch_retries", "0")
        said: list[str] = []
        with pytest.raises(ProcessFailed, match="npm cannot install Prisma's engine"):
            await toolchain.ensure(tmp_path / "engine", said.append)
        assert said == ["Installing Prisma's engine from npm"]

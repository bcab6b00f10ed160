"""run.json and the welcome: what programs and people learn about a run."""

from __future__ import annotations

import json
import re
import shlex
import stat
from pathlib import Path

import pytest
from pydantic import ValidationError

from devkit.run.run_file import RunFile
from devkit.run.welcome import ready_line, welcome

RUN = RunFile(
    base_url="http://127.0.0.1:4000",
    master_key="sk-master",
    demo_key="sk-demo",
    demo_customer="demo",
    page_url="http://127.0.0.1:4000/billing",
    admin_page_url="http://127.0.0.1:4000/billing/admin",
    stripe_api_base="http://127.0.0.1:4001",
    stripe_api_key="sk_test_1",
    stripe_webhook_secret="whsec_1",
    database_url="postgresql://proxyllm:secret@127.0.0.1:5432/proxyllm",
    pid=1,
)


class TestRunFile:
    def test_it_has_exactly_the_promised_names(self, tmp_path: Path) -> None:
        RUN.write(tmp_path / "run.json")

        assert set(json.loads((tmp_path / "run.json").read_text())) == {
            "base_url", "master_key", "demo_key", "demo_customer", "page_url", "admin_page_url",
            "stripe_api_base", "stripe_api_key", "stripe_webhook_secret", "database_url", "pid",
        }  # fmt: skip

    def test_it_is_private_and_can_be_read_back(self, tmp_path: Path) -> None:
        RUN.write(tmp_path / "run.json")

        assert stat.S_IMODE((tmp_path / "run.json").stat().st_mode) == 0o600
        assert RunFile.read(tmp_path / "run.json") == RUN

    def test_a_file_with_a_name_missing_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "run.json").write_text('{"base_url": "http://127.0.0.1:4000"}')

        with pytest.raises(ValidationError):
            RunFile.read(tmp_path / "run.json")


class TestWelcome:
    def test_the_curl_is_one_complete_command(self) -> None:
        text = welcome(RUN, Path(".proxyllm"), sandbox=True)
        found = re.search(r"curl .*?}'$", text, re.DOTALL | re.MULTILINE)
        assert found is not None

        words = shlex.split(found[0])

        assert words[1] == "http://127.0.0.1:4000/v1/chat/completions"
        assert "Authorization: Bearer sk-demo" in words
        assert json.loads(words[-1])["model"] == "demo-chat"

    def test_it_names_the_pages_and_the_test_card(self) -> None:
        text = welcome(RUN, Path(".proxyllm"), sandbox=True)

        assert RUN.page_url in text
        assert RUN.admin_page_url in text
        assert "4242 4242 4242 4242" in text

    def test_with_real_stripe_no_test_card_is_offered(self) -> None:
        assert "4242" not in welcome(RUN, Path(".proxyllm"), sandbox=False)

    def test_the_master_key_is_not_shown(self) -> None:
        assert RUN.master_key not in welcome(RUN, Path(".proxyllm"), sandbox=True)

    def test_both_parts_of_the_time_are_said(self) -> None:
        line = ready_line(17.24, 13.9)

        assert line == "ready in 17.2 s: 13.9 s import of LiteLLM's proxy, 3.3 s ours"

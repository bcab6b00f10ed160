"""The production configuration without billing around it must not serve."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.acceptance.launch import free_port_pair

ROOT = Path(__file__).parents[2]


class TestLitellmAlone:
    def test_stops_with_a_clear_line_instead_of_serving_unbilled(self, tmp_path: Path) -> None:
        environment = {
            **os.environ,
            "LITELLM_MASTER_KEY": "sk-0123456789abcdef0123456789abcdef",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "OPENAI_API_KEY": "none",
            "ANTHROPIC_API_KEY": "none",
        }
        environment.pop("DATABASE_URL", None)
        program, config = Path(sys.executable).parent / "litellm", ROOT / "proxy_server_config.yaml"
        result = subprocess.run(
            [program, "--config", config, "--host", "127.0.0.1", "--port", str(free_port_pair())],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            timeout=240,
            check=False,
        )
        assert result.returncode != 0
        assert b"refusing to serve unbilled" in result.stderr
        assert b"Uvicorn running" not in result.stdout + result.stderr

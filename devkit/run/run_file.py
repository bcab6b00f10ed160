"""`run.json`: what programs need to use a running `proxyllm run`. It only exists while that runs."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from gateway.private_files import write_private


class RunFile(BaseModel):
    """The public interface of a run; its names are stable."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str
    master_key: str
    demo_key: str
    demo_customer: str
    page_url: str
    admin_page_url: str
    stripe_api_base: str
    stripe_api_key: str
    stripe_webhook_secret: str
    database_url: str
    pid: int

    def write(self, path: Path) -> None:
        """Writes the file atomically, mode 0600."""
        write_private(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> RunFile:
        """Reads the file. Raises FileNotFoundError if nothing is running."""
        return cls.model_validate_json(path.read_text("utf-8"))

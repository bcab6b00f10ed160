"""Keys created by the first start and kept for later ones, readable only by their owner."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from gateway.failures import HomeUnusable
from gateway.private_files import write_private


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets shared by the processes of a run."""

    master_key: str
    salt_key: str
    demo_key: str
    sandbox_key: str
    webhook_secret: str
    postgres_password: str


def load_or_make(path: Path, environment: Mapping[str, str]) -> Keys:
    """The keys of this home; LiteLLM's own two come from the environment where it has them.

    Raises HomeUnusable for a file that is no key file: making new keys would lock the old data away.
    """
    kept = _read(path)
    made = {field.name: kept.get(field.name) or _make(field.name) for field in fields(Keys)}
    if made != kept:
        write_private(path, json.dumps(made, indent=2) + "\n")
    keys = Keys(**made)
    chosen = asdict(keys)
    for name, variable in (("master_key", "LITELLM_MASTER_KEY"), ("salt_key", "LITELLM_SALT_KEY")):
        chosen[name] = environment.get(variable) or chosen[name]
    return Keys(**chosen)


def _read(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, OSError) as error:
        raise HomeUnusable(
            f"{path} cannot be read: restore it, or start with an empty PROXYLLM_HOME"
        ) from error
    if not isinstance(content, dict):
        raise HomeUnusable(f"{path} is no key file: restore it, or start with an empty PROXYLLM_HOME")
    return {str(name): str(value) for name, value in content.items()}


_PREFIXES = {
    "master_key": "sk-",
    "salt_key": "sk-",
    "demo_key": "sk-",
    "sandbox_key": "sk_test_",
    "webhook_secret": "whsec_",
    "postgres_password": "",
}


def _make(name: str) -> str:
    return _PREFIXES[name] + secrets.token_hex(24)

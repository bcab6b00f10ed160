"""Keys are made once, kept, and never quietly replaced."""

from __future__ import annotations

import json
import stat
from dataclasses import asdict
from pathlib import Path

import pytest

from devkit.run.keys import load_or_make
from gateway.failures import HomeUnusable


def test_a_second_start_has_the_same_keys(tmp_path: Path) -> None:
    first = load_or_make(tmp_path / "keys.json", {})

    assert load_or_make(tmp_path / "keys.json", {}) == first


def test_all_keys_differ_and_are_long(tmp_path: Path) -> None:
    keys = asdict(load_or_make(tmp_path / "keys.json", {})).values()

    assert len(set(keys)) == len(keys)
    assert all(len(key) >= 48 for key in keys)


def test_keys_look_like_what_reads_them_expects(tmp_path: Path) -> None:
    keys = load_or_make(tmp_path / "keys.json", {})

    assert keys.master_key.startswith("sk-")  # LiteLLM refuses others
    assert keys.demo_key.startswith("sk-")
    assert keys.sandbox_key.startswith("sk_test_")  # the sandbox refuses live ones
    assert keys.webhook_secret.startswith("whsec_")


def test_the_file_is_private(tmp_path: Path) -> None:
    load_or_make(tmp_path / "keys.json", {})

    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600


def test_litellms_own_keys_come_from_the_environment_and_are_not_kept(tmp_path: Path) -> None:
    environment = {"LITELLM_MASTER_KEY": "sk-mine", "LITELLM_SALT_KEY": "sk-salt"}

    keys = load_or_make(tmp_path / "keys.json", environment)

    assert (keys.master_key, keys.salt_key) == ("sk-mine", "sk-salt")
    assert "sk-mine" not in (tmp_path / "keys.json").read_text()
    assert load_or_make(tmp_path / "keys.json", {}).master_key != "sk-mine"


def test_a_key_that_a_newer_release_needs_is_added_beside_the_kept_ones(tmp_path: Path) -> None:
    first = load_or_make(tmp_path / "keys.json", {})
    older = asdict(first)
    del older["webhook_secret"]
    (tmp_path / "keys.json").write_text(json.dumps(older))

    second = load_or_make(tmp_path / "keys.json", {})

    assert second.webhook_secret
    assert second.postgres_password == first.postgres_password


@pytest.mark.parametrize("damage", ["", "{", "[]", '"text"'])
def test_a_damaged_file_stops_the_start_and_is_left_alone(tmp_path: Path, damage: str) -> None:
    (tmp_path / "keys.json").write_text(damage)

    with pytest.raises(HomeUnusable, match=r"keys\.json"):
        load_or_make(tmp_path / "keys.json", {})
    assert (tmp_path / "keys.json").read_text() == damage

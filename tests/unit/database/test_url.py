"""DATABASE_URL as operators write it for Prisma must work for us too."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from billing.database.pool import conninfo_for
from billing.database.url import read_url
from billing.errors import DatabaseUrlInvalid, NotConfigured


def settings_of(url: str) -> dict[str, object]:
    return dict(conninfo_to_dict(read_url(url).conninfo))


class TestReading:
    def test_prisma_parameters_are_left_out(self) -> None:
        url = (
            "postgresql://u:p@db:6432/app?schema=public&connection_limit=5&pool_timeout=9&socket_timeout=1"
            "&statement_cache_size=0&pgbouncer=true&sslmode=require&application_name=x"
        )
        assert settings_of(url) == {
            "user": "u", "password": "p", "host": "db", "port": "6432", "dbname": "app",
            "sslmode": "require", "application_name": "x",
        }  # fmt: skip

    def test_both_schemes_are_read(self) -> None:
        assert settings_of("postgres://db/app") == settings_of("postgresql://db/app")

    def test_escaped_characters_of_a_password_survive(self) -> None:
        assert settings_of("postgresql://u:p%40ss%2F%3F@db/app")["password"] == "p@ss/?"

    def test_a_socket_directory_is_a_host(self) -> None:
        assert settings_of("postgresql://u@/app?host=/run/postgresql")["host"] == "/run/postgresql"

    @pytest.mark.parametrize(
        ("query", "pooled"), [("", False), ("?pgbouncer=true", True), ("?pgbouncer=false", False)]
    )
    def test_a_transaction_pooler_is_recognised(self, query: str, pooled: bool) -> None:
        assert read_url(f"postgresql://db/app{query}").pooled is pooled


class TestCertificates:
    def test_prismas_certificate_is_the_authority(self) -> None:
        settings = settings_of("postgresql://db/app?sslmode=require&sslcert=/ca.pem&sslaccept=strict")
        assert settings["sslrootcert"] == "/ca.pem"
        assert settings["sslmode"] == "verify-full"

    def test_strict_without_a_certificate_trusts_the_system(self) -> None:
        assert settings_of("postgresql://db/app?sslaccept=strict")["sslrootcert"] == "system"

    def test_libpqs_pair_of_certificate_and_key_is_kept(self) -> None:
        settings = settings_of("postgresql://db/app?sslcert=/c.pem&sslkey=/k.pem")
        assert (settings["sslcert"], settings["sslkey"]) == ("/c.pem", "/k.pem")


class TestWrongUrls:
    @pytest.mark.parametrize(
        "url",
        [
            "", "mysql://db/app", "postgresql://db", "postgresql://db/", "postgresql://db/app?nonsense=1",
            "postgresql://[::1/app", "postgresql://db/app?sslidentity=/id.p12", "postgresql://db/app?schema=app",
            "postgresql://db/app?schema=",
        ],
    )  # fmt: skip
    def test_are_refused_by_name(self, url: str) -> None:
        with pytest.raises(DatabaseUrlInvalid, match="DATABASE_URL") as caught:
            read_url(url)
        assert isinstance(caught.value, NotConfigured)

    def test_another_schema_is_refused_with_what_to_do(self) -> None:
        """LiteLLM's migrations would fill it, while ours read the spend logs of `public`."""
        with pytest.raises(DatabaseUrlInvalid, match=r"`schema` must be public.*separate database"):
            read_url("postgresql://u:p@db/app?schema=litellm")

    def test_never_show_the_password(self) -> None:
        with pytest.raises(DatabaseUrlInvalid) as caught:
            read_url("postgresql://u:geheim@db:port/app?geheim=1")
        assert "geheim" not in str(caught.value)


class TestSession:
    def test_bounds_every_wait(self) -> None:
        settings = conninfo_to_dict(
            conninfo_for(read_url("postgresql://db/app"), application_name="me", wait_s=4)
        )
        options = str(settings["options"])
        assert "search_path=billing" in options
        assert "lock_timeout=4000" in options
        assert "statement_timeout=8000" in options
        assert settings["application_name"] == "me"

    def test_operators_own_settings_win(self) -> None:
        target = read_url("postgresql://db/app?application_name=mine&options=-c%20geqo%3Doff")
        settings = conninfo_to_dict(conninfo_for(target, application_name="ours", wait_s=4))
        assert settings["application_name"] == "mine"
        assert str(settings["options"]).startswith("-c geqo=off -c search_path")

    def test_a_transaction_pooler_gets_no_options(self) -> None:
        target = read_url("postgresql://db/app?pgbouncer=true")
        assert "options" not in conninfo_to_dict(conninfo_for(target, application_name="me", wait_s=4))

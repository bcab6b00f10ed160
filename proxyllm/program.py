"""`proxyllm`: its commands and their options. What a command needs is imported when it runs, not before.

`proxyllm --help` must answer at once: importing LiteLLM's proxy takes seconds, and only `serve` needs it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

EXIT_CODES = """\b
Exit codes:
  0  done, or stopped as asked
  1  failed, or something was found
  2  wrong usage
  3  port taken
  4  PROXYLLM_HOME cannot be written
  5  already running on this PROXYLLM_HOME
  6  database unusable
  7  a program is missing
  8  a process of ours did not start
  9  a process of ours ended while running
"""

RECONCILE_EXIT_CODES = """\b
Exit codes:
  0  everything agrees, or was repaired
  1  something differs
  2  wrong usage, or something could not be compared
"""

app = typer.Typer(
    name="proxyllm",
    help="Prepaid Stripe billing for the LiteLLM proxy, and the gateway around it.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,  # importing rich would double the time of --help
    add_completion=False,
    pretty_exceptions_enable=False,
)

Home = Annotated[Path, typer.Option(envvar="PROXYLLM_HOME", help="Where all state is kept.")]
Host = Annotated[str, typer.Option(envvar="HOST", help="The address to listen on.")]
Port = Annotated[int, typer.Option(envvar="PORT", min=1, max=65534, help="The gateway's port.")]
Config = Annotated[
    Path,
    typer.Option(envvar="CONFIG_FILE_PATH", exists=True, dir_okay=False, help="LiteLLM's configuration."),
]
Json = Annotated[bool, typer.Option("--json", help="Answer with JSON for programs.")]


@app.command(epilog=EXIT_CODES)
def run(
    home: Home = Path(".proxyllm"),
    host: Host = "127.0.0.1",
    port: Port = 4000,
    with_parent: Annotated[
        bool, typer.Option("--with-parent", help="Stop when the process that started this ends.")
    ] = False,
) -> None:
    """Serve gateway, database, Stripe sandbox and demo models; needs no account.

    With STRIPE_API_KEY set it uses real Stripe, with DATABASE_URL that Postgres; provider keys
    (OPENAI_API_KEY, ANTHROPIC_API_KEY, ...) add real models. The Stripe sandbox listens on PORT + 1.
    """
    from gateway.failures import ProgramMissing
    from proxyllm.serving import run_everything

    try:
        from devkit.run.plan import Options
    except ModuleNotFoundError as error:  # the image has no devkit
        typer.echo(f"proxyllm: {error.name} is not installed here: use `proxyllm serve`", err=True)
        raise typer.Exit(ProgramMissing.exit_code) from error
    options = Options(home.absolute(), host, port, dict(os.environ), with_parent)
    raise typer.Exit(run_everything(options))


@app.command()
def serve(
    config: Config = Path("proxy_server_config.yaml"),
    host: Host = "::",
    port: Port = 4000,
    drain_s: Annotated[
        int,
        typer.Option(
            envvar="BILLING_DRAIN_S", min=1, max=3600, help="How long running calls may go on after SIGTERM."
        ),
    ] = 25,
    migrate: Annotated[
        bool, typer.Option("--migrate", help="Apply migrations first, where no pre-deploy step does.")
    ] = False,
) -> None:
    """Serve the gateway alone, for production. Reads DATABASE_URL and the other settings.

    The address :: serves IPv6 and IPv4. Models whose variables are not set are left out. With
    TAILSCALE_AUTH_KEY set it joins the tailnet.
    """
    from gateway.start.supervisor import Options
    from proxyllm.serving import serve_gateway

    options = Options(config, host, port, drain_s, dict(os.environ))
    raise typer.Exit(serve_gateway(options, migrate_first=migrate))


@app.command()
def doctor(
    config: Config = Path("proxy_server_config.yaml"),
    offline: Annotated[bool, typer.Option("--offline", help="Ask neither the database nor Stripe.")] = False,
    as_json: Json = False,
) -> None:
    """Check configuration, variables, database and Stripe; one line a finding.

    `serve` does the same offline, and refuses to start where something has failed.
    """
    from proxyllm.doctor import examine_deployment

    raise typer.Exit(examine_deployment(config, offline=offline, as_json=as_json))


@app.command()
def migrate(as_json: Json = False) -> None:
    """Apply LiteLLM's migrations and billing's to DATABASE_URL. Safe to repeat, and from many places."""
    from proxyllm.books import apply_migrations

    raise typer.Exit(apply_migrations(as_json=as_json))


@app.command()
@app.command("prove", hidden=True)  # the command's former name
def verify(as_json: Json = False) -> None:
    """Verify the books against themselves; list what disagrees and exit with 1."""
    from proxyllm.books import verify_books

    raise typer.Exit(verify_books(as_json=as_json))


@app.command()
def review(
    as_json: Json = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many calls of each kind at most.")] = 100,
    price: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="CALL COST", help="Charge this call what the provider asked for it, by its price rule."
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for the books; with --price.")] = "priced by the operator",
) -> None:
    """List calls without a success event and calls of unknown cost; or set the cost of one."""
    from proxyllm.review import list_for_review, price_call

    if price is not None:
        raise typer.Exit(price_call(*price, reason, as_json=as_json))
    raise typer.Exit(list_for_review(limit, as_json=as_json))


@app.command(epilog=RECONCILE_EXIT_CODES)
def reconcile(
    as_json: Json = False,
    since: Annotated[
        str | None,
        typer.Option(help="Compare what happened from here on (ISO 8601, UTC); default: 7 days."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="And before this time; default: now.")] = None,
    book: Annotated[
        list[str] | None,
        typer.Option(help="Only this one: ledger, spend_logs or stripe. May be given several times."),
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Repair what is safe to repair.")] = False,
) -> None:
    """Compare the books with themselves, with LiteLLM's spend logs and with Stripe.

    The ledger is compared with itself on all rows, whatever the time; the rest from --since to --until.
    """
    from billing.reconcile.schemas import Source
    from proxyllm.reconcile import Options
    from proxyllm.reconcile import reconcile as compare

    unknown = set(book or ()) - set(Source)
    if unknown:
        raise typer.BadParameter(
            f"{', '.join(sorted(unknown))}: one of {', '.join(Source)}", param_hint="--book"
        )
    books = tuple(one for one in Source if one in (book or ()))
    raise typer.Exit(compare(Options(since, until, books, apply, as_json)))


@app.command("shadow-report")
def shadow_report(
    as_json: Json = False,
    since: Annotated[
        str | None, typer.Option(help="Calls from here on (ISO 8601, UTC); default: 7 days.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="And before this time; default: now.")] = None,
) -> None:
    """What calls of BILLING_MODE=shadow would have been charged, and which would have been refused."""
    from proxyllm.shadow import report_shadow

    raise typer.Exit(report_shadow(since, until, as_json=as_json))


ollama = typer.Typer(help="Nodes that run Ollama.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(ollama, name="ollama")


@ollama.callback()
def _ollama() -> None:
    """Makes `discover` a command of its own, though it is the only one."""


@ollama.command("discover")
def discover_models(
    node: Annotated[str, typer.Argument(help="The node's name: models are called NODE/MODEL.")],
    url: Annotated[str, typer.Argument(help="Where its Ollama answers, like http://127.0.0.1:11501.")],
    price: Annotated[str, typer.Option(help="IN/OUT: US dollars a million tokens, like 0.10/0.30.")],
    model_price: Annotated[
        list[str] | None, typer.Option(help="NAME=IN/OUT for one model; may be repeated.")
    ] = None,
    api_base: Annotated[
        str | None, typer.Option(help="As the entries shall have it; URL if not given.")
    ] = None,
    context_max: Annotated[int, typer.Option(min=256, max=10_000_000, help="num_ctx at most.")] = 16384,
    output_max: Annotated[int, typer.Option(min=1, max=1_000_000, help="Output tokens at most.")] = 4096,
    output: Annotated[Path | None, typer.Option(dir_okay=False, help="A file for the entries.")] = None,
    as_json: Json = False,
) -> None:
    """Write priced entries for every model of a node, for `model_list` of the configuration."""
    from billing.errors import NotConfigured
    from gateway.models.ollama import Wanted, read_price
    from proxyllm.ollama import discover_node, read_model_prices

    try:
        prices = read_price(price), read_model_prices(model_price or [])
    except NotConfigured as error:
        raise typer.BadParameter(error.message) from error
    wanted = Wanted(node, api_base or url, *prices, context_max, output_max)
    raise typer.Exit(discover_node(url, wanted, output, as_json=as_json))


def main() -> None:
    """Entry point."""
    app()

"""The dashboard and the alert rules name metrics and labels that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from billing.errors import BillingError
from billing.ledger.endings import Ending
from billing.metrics import instruments
from billing.reconcile.schemas import Source
from billing.webhooks.schemas import InboxOutcome

ROOT = Path(__file__).parents[3]
DASHBOARD = json.loads((ROOT / "deploy/grafana/proxyllm.json").read_text())
ALERTS = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
MONITOR = (ROOT / "docs/how-to/monitor.md").read_text()
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
NAME = re.compile(r"\bproxyllm_[a-z_]+\b")
FUNCTIONS = {"sum", "max", "rate", "increase", "time", "histogram_quantile", "by"}


def ours() -> dict[str, MetricWrapperBase]:
    return {
        metric._name: metric for metric in vars(instruments).values() if isinstance(metric, MetricWrapperBase)
    }


def samples() -> dict[str, tuple[str, ...]]:
    """Every sample name that a scrape can have, with its labels."""
    found: dict[str, tuple[str, ...]] = {}
    for name, metric in ours().items():
        suffixes = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
        for suffix in suffixes[str(metric._type)]:
            found[name + suffix] = (*metric._labelnames, *(["le"] if suffix == "_bucket" else []))
    return found


def expressions() -> Iterator[tuple[str, str]]:
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for rule in RULES:
        yield rule["alert"], rule["expr"]


EXPRESSIONS = list(expressions())


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS, ids=[where for where, _ in EXPRESSIONS])
class TestExpressions:
    def test_name_metrics_that_exist(self, where: str, expression: str) -> None:
        names = NAME.findall(expression)
        assert names
        assert set(names) <= set(samples())

    def test_group_and_select_by_labels_that_exist(self, where: str, expression: str) -> None:
        labels = {label for name in NAME.findall(expression) for label in samples()[name]}
        grouped = {
            word.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for word in group.split(",")
        }
        selected = set(re.findall(r"([a-z_]+)(?:=~|!=|=)\s*\"", expression))
        assert grouped | selected <= labels

    def test_call_functions_that_prometheus_has_and_close_what_they_open(
        self, where: str, expression: str
    ) -> None:
        called = set(re.findall(r"\b([a-z_]+) ?\(", expression))
        assert called <= FUNCTIONS
        for opening, closing in ("()", "[]", "{}"):
            assert expression.count(opening) == expression.count(closing)

    def test_take_the_rate_of_counters_and_of_nothing_else(self, where: str, expression: str) -> None:
        for name in NAME.findall(expression):
            is_counted = re.search(rf"(rate|increase)\({name}", expression) is not None
            assert is_counted == name.endswith(("_total", "_bucket", "_sum", "_count")), name


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {name for _, expression in EXPRESSIONS for name in NAME.findall(expression)}
    bases = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in shown}
    assert set(ours()) <= bases


def test_every_metric_is_registered_where_litellm_shows_it() -> None:
    registered = {family.name for family in REGISTRY.collect()}
    assert set(ours()) <= registered


def test_no_label_can_grow_with_the_business() -> None:
    labels = {label for metric in ours().values() for label in metric._labelnames}
    assert labels == {"verdict", "status", "ending", "code", "outcome", "result", "book"}


def codes() -> set[str]:
    def below(kind: type[BillingError]) -> set[str]:
        return {kind.code}.union(*(below(child) for child in kind.__subclasses__()))

    return below(BillingError)


def test_alerts_select_values_that_the_code_can_produce() -> None:
    known = codes() | {outcome.value for outcome in InboxOutcome} | {ending.value for ending in Ending}
    known |= {book.value for book in Source} | {"ended", "failed", "error"}
    for _, expression in EXPRESSIONS:
        for values in re.findall(r"(?:=~|!=|=)\s*\"([^\"]*)\"", expression):
            assert set(values.split("|")) <= known


class TestAlerts:
    def test_have_names_of_their_own(self) -> None:
        names = [rule["alert"] for rule in RULES]
        assert len(set(names)) == len(names) > 10

    @pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
    def test_say_how_bad_it_is_and_what_to_do(self, rule: dict[str, dict[str, str]]) -> None:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
        assert f"`{rule['alert']}`" in MONITOR


def test_the_docs_list_every_metric_and_no_other() -> None:
    table = set(re.findall(r"^\| `(proxyllm_[a-z_]+)`", MONITOR, re.MULTILINE))
    assert table == set(samples()) - {
        name for name in samples() if name.endswith(("_bucket", "_sum", "_count"))
    } | {name for name, metric in ours().items() if metric._type == "histogram"}

"""Our labels in LiteLLM's spend log: only we write them, wherever LiteLLM may take them from."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing.ledger.schemas import Payer
from billing.prices.rule import PriceRule
from billing.proxy.admitted.call import Admission
from billing.proxy.calls.call import Call
from billing.proxy.litellm.hooks import label_spend_log, unlabel_spend_log

FORGED = {"billing_call_id": "call_of_another", "billing_free": "true", "team": "blue"}


@pytest.fixture
def call() -> Call:
    return Call(path="/v1/chat/completions")


def labelled(metadata: dict[str, object], call: Call, bucket: str = "metadata") -> object:
    label_spend_log({bucket: metadata}, call)
    return metadata.get("spend_logs_metadata")


@pytest.mark.parametrize("bucket", ["metadata", "litellm_metadata"])
def test_the_call_id_is_ours_and_other_labels_stay(bucket: str, call: Call) -> None:
    metadata: dict[str, object] = {"user_api_key_hash": "h", "spend_logs_metadata": dict(FORGED)}
    assert labelled(metadata, call, bucket) == {"team": "blue", "billing_call_id": call.id}


def test_a_providers_own_metadata_gets_nothing_and_keeps_no_forged_label(call: Call) -> None:
    assert labelled({"user_id": "u", "spend_logs_metadata": dict(FORGED)}, call) == {"team": "blue"}
    untouched: dict[str, object] = {"user_id": "u"}
    assert labelled(untouched, call) is None
    assert untouched == {"user_id": "u"}


def test_only_a_call_without_a_hold_is_marked_as_free(call: Call) -> None:
    assert "billing_free" not in str(labelled({"user_api_key_hash": "h"}, call))
    rule = PriceRule(Decimal(1))
    call.admission = admission(rule, free=True)
    assert labelled({"user_api_key_hash": "h"}, call) == {"billing_call_id": call.id, "billing_free": "true"}
    call.admission = admission(rule, free=False)
    assert labelled({"user_api_key_hash": "h"}, call) == {"billing_call_id": call.id}


def admission(rule: PriceRule, *, free: bool) -> Admission:
    hold_nanos = 0 if free else 10
    return Admission(Payer("user_id", "alice"), rule, free, hold_nanos, 0, 100, {})


@pytest.mark.parametrize("bucket", ["metadata", "litellm_metadata"])
def test_background_work_keeps_the_labels_of_others_alone(bucket: str) -> None:
    labels = {"billing_call_id": "call_x", "billing_free": "true", "team": "blue"}
    params: dict[str, dict[str, object]] = {bucket: {"user_api_key_hash": "h", "spend_logs_metadata": labels}}
    unlabel_spend_log(params)
    assert params[bucket]["spend_logs_metadata"] == {"team": "blue"}
    assert len(labels) == 3  # LiteLLM may share it with the call itself
    unlabel_spend_log({bucket: {"spend_logs_metadata": None}})

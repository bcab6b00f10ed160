"""What is left of a client's metadata."""

from __future__ import annotations

import json
import re

import pytest
from litellm.proxy._types import LitellmMetadataFromRequestHeaders, SpendLogsMetadata
from litellm.types.utils import StandardLoggingMetadata

from billing.proxy.requests.client_metadata import (
    BUCKETS,
    TEXTS,
    is_litellms,
    names_in,
    strip_litellm_metadata,
)
from tests.unit.proxy.litellm_source import names_found, sources

# `metadata["x"]`, `(kwargs.get("metadata") or {}).get("x")`, `data[bucket].pop("x")`, `"x" in metadata`, and
# the constants that name a key.
_OBJECT = r"(?:meta(?:data\w*)?|bucket)"
_DEFAULT = r"(?:\{\}|None|EMPTY_\w+|MappingProxyType\(\{\}\))"
_READ = re.compile(
    rf"""{_OBJECT}["']?\s*(?:,\s*{_DEFAULT}\s*)?[\])]?(?:\s*or\s*{_DEFAULT})?\)?\s*"""
    r"""(?:\.\s*(?:get|pop|setdefault)\(|\[)\s*["']([A-Za-z_][\w-]*)["']"""
)
_ASKED = re.compile(rf"""["']([\w-]+)["']\s+(?:not\s+)?in\s+(?:\w+[.\[]["']?)*{_OBJECT}\b""")
_CONSTANT = re.compile(r"""METADATA_KEY\w*\s*(?::\s*Final(?:\[\w+\])?)?\s*=\s*["']([\w-]+)["']""")

# Read off other objects that are called metadata: a provider's usage, documents, prompts, customers of SCIM.
_OF_OTHER_OBJECTS = names_in(
    """
    HTTPStatusCode action alias allowed_server_count arguments audio_duration_ms billableCharacterCount
    billed_units cacheTokensDetails cache_read_input_tokens cachedContentTokenCount candidatesTokenCount
    candidatesTokensDetails candidates_token_count chunk_index citationSources citations code
    completion_window cost_center createTime description display_name duration ecosystem error externalId
    familyName filename givenName groundingChunks groundingSupports ingested_files input invocation_parameters
    label langgraph_node max_tokens model model_name model_provider name output output_file_uri parameters
    prompt promptTokenCount promptTokensDetails prompt_token_count prompt_tokens purpose responseTokenCount
    responseTokensDetails result revision scopes_supported source source_text structData temperature
    template_format thoughtsTokenCount title tokens toolUsePromptTokenCount tool_count_total totalTokenCount
    total_api_requests total_failed_requests total_spend total_successful_requests total_token_count
    total_tokens trafficType uri vertex_ai_citation_metadata vertex_ai_grounding_metadata
    vertex_ai_safety_ratings vertex_ai_safety_results vertex_ai_url_context_metadata x-amz-bedrock-kb-chunk-id
    x-amz-bedrock-kb-data-source-id x-amz-bedrock-kb-source-uri
    """
)
_LABELS = TEXTS | {"tags", "spend_logs_metadata", "trace_metadata", "guardrails", "user_id"}
CUSTOMERS_OWN = {"team": "sales", "ticket": "A-1", "nested": {"a": [1]}, "name": "n", "user_id": "u"}


class TestTheListOfNames:
    def test_has_every_name_that_litellm_reads_or_writes_in_a_calls_metadata(self) -> None:
        found = (
            names_found(_READ, "meta") | names_found(_ASKED, "meta") | names_found(_CONSTANT, "METADATA_KEY")
        )
        for known in (StandardLoggingMetadata, SpendLogsMetadata, LitellmMetadataFromRequestHeaders):
            found |= set(known.__annotations__)
        assert len(sources()) > 1_000
        assert {"model_group", "model_info", "redis_namespace", "usage_object"} <= found  # the walk walks
        assert sorted(n for n in found - _LABELS - _OF_OTHER_OBJECTS if not is_litellms(n)) == []


@pytest.mark.parametrize("bucket", BUCKETS)
class TestStripping:
    @pytest.mark.parametrize(
        "name",
        ["model_group", "model_info", "deployment", "usage_object", "redis_namespace", "caching_groups",
         "headers", "user_api_key_user_id", "_anything", "hidden_params", "standard_logging_object",
         "client_disconnected"],
    )  # fmt: skip
    def test_takes_out_litellms_own_names(self, bucket: str, name: str) -> None:
        body: dict[str, object] = {bucket: {name: {"billing": "free"}, **CUSTOMERS_OWN}}
        assert strip_litellm_metadata(body)
        assert body == {bucket: CUSTOMERS_OWN}

    def test_reads_a_forms_text(self, bucket: str) -> None:
        body: dict[str, object] = {bucket: json.dumps({"model_group": "gift", "a": "b"})}
        assert strip_litellm_metadata(body)
        assert body == {bucket: '{"a": "b"}'}

    @pytest.mark.parametrize(
        "metadata", [CUSTOMERS_OWN, {}, None, "no object", "[]", 7, ["model_group"]], ids=str
    )
    def test_leaves_everything_else(self, bucket: str, metadata: object) -> None:
        body = {bucket: metadata, "model": "m"}
        assert not strip_litellm_metadata(body)
        assert body == {bucket: metadata, "model": "m"}

    @pytest.mark.parametrize(
        ("labels", "kept"),
        [
            ({"session_id": "s", "tags": ["a"], "spend_logs_metadata": {"a": 1}}, True),
            ({"session_id": True}, False),
            ({"trace_id": {"set": 1}}, False),
            ({"tags": ["a", 1]}, False),
            ({"spend_logs_metadata": "text"}, False),
        ],
        ids=str,
    )
    def test_keeps_labels_of_the_type_that_litellms_logs_have_a_column_for(
        self, bucket: str, labels: dict[str, object], kept: bool
    ) -> None:
        body: dict[str, object] = {bucket: labels}
        strip_litellm_metadata(body)
        assert body == {bucket: labels if kept else {}}

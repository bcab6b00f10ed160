"""The operator's routes, refused for prepaid keys before LiteLLM checks roles."""

from billing.proxy.routes.route import Declared

REFUSED_OPERATOR = (
    Declared(
        "Guardrails and policies belong to the operator; testing one may call a model",
        """
        GET /guardrails/list /v2/guardrails/list /guardrails/submissions
            /guardrails/submissions/{guardrail_id} /guardrails/{guardrail_id}/info
            /guardrails/ui/add_guardrail_settings /guardrails/ui/category_yaml/{category_name}
            /guardrails/ui/major_airlines /guardrails/ui/provider_specific_params
            /guardrails/usage/overview /guardrails/usage/detail/{guardrail_id} /guardrails/usage/logs
            /policies/usage/overview /policy/list /policy/info/{policy_name} /policy/templates
            /policies/list /policies/compare /policies/{policy_id}/resolved-guardrails
            /policies/attachments/list
        POST /guardrails /guardrails/register /guardrails/submissions/{guardrail_id}/approve
            /guardrails/submissions/{guardrail_id}/reject /guardrails/validate_blocked_words_file
            /guardrails/test_custom_code /apply_guardrail /guardrails/apply_guardrail
            /utils/test_policies_and_guardrails /policy/validate /policy/test /policy/templates/enrich
            /policy/templates/enrich/stream /policy/templates/suggest /policy/templates/test /policies
            /policies/test-pipeline /policies/attachments /policies/resolve
            /policies/attachments/estimate-impact /compliance/eu-ai-act /compliance/gdpr
        DELETE,GET,PATCH,PUT /guardrails/{guardrail_id}
        GET,POST /policies/name/{policy_name}/versions
        PUT /policies/{policy_id}/status
        DELETE /policies/name/{policy_name}/all-versions
        DELETE,GET,PUT /policies/{policy_id}
        DELETE,GET /policies/attachments/{attachment_id}
        """,
    ),
    Declared(
        "Health checks call models, and these calls are not billed",
        """
        GET /test /health/services /health /health/history /health/latest /health/shared-status
            /health/license /active/callbacks /settings /health/readiness/details /health/backlog
        POST /health/test_connection
        """,
    ),
    Declared(
        "Lens reviews traces with models whose calls are not billed",
        """
        GET,POST /lens/datasets /lens/tracing/keys /lens /lens/{lens_id}/runs
        POST /lens/datasets/build /lens/datasets/{dataset_id}/revisions /lens/feedback/summary
            /lens/traces/signals /lens/traces/findings /lens/watch-all /lens/{lens_id}/cancel
            /lens/preview/sample /lens/workers/register
        GET /lens/datasets/{dataset_id} /lens/datasets/{dataset_id}/export
            /lens/datasets/{dataset_id}/revisions/{revision}/cases /lens/service
            /lens/activity/available /lens/agents /lens/{lens_id}/runs/{job_id}
            /lens/{lens_id}/runs/{job_id}/reviews /lens/{lens_id}/executions/{execution_id}
        DELETE,GET,PUT /lens/feedback
        DELETE /lens/tracing/keys/{key_id} /lens/workers/{worker_id}
        GET,PUT /lens/signals /lens/{lens_id}
        PATCH /lens/{lens_id}/findings/{finding_id}
        PUT /lens/workers/{worker_id}/billing-key
        """,
    ),
    Declared(
        "For the operator",
        """
        POST /utils/transform_request /config/update /config/field/update /config/field/delete
            /config/callback/delete /reload/model_cost_map /reload/anthropic_beta_headers
            /v1/traces/query /config/pass_through_endpoint/{endpoint_id}
            /credentials/migrate-encryption /customer/block /end_user/block /customer/unblock
            /end_user/unblock /customer/new /end_user/new /end_user/update /customer/update
            /end_user/delete /customer/delete /cache/delete /cache/flushall /debug/memory/gc/configure
            /v1/rust_control_plane/logs /add/allowed_ip /delete/allowed_ip /upload/logo
            /moyai/connect/start /budget/new /budget/update /budget/info /budget/delete /model/block
            /model/unblock /model/delete /model/new /model/update /model_group/make_public
            /model_hub/update_useful_links /access_group/new
            /auto_router/validate_complexity_router_config /auto_router/availability
            /auto_router/test_routing /auto_router/shadow_eval/start
            /auto_router/shadow_eval/{job_id}/stop /cost/predict-cache /cost/estimate /fallback
            /cache/settings/test /coordination_redis/settings/test /email/event_settings/reset
            /lazy/warm/{name} /v1/tool/policy /search_tools /search_tools/test_connection
            /config_overrides/hashicorp_vault/test_connection
            /config_overrides/cyberark/test_connection /claude-code/plugins/{plugin_name}/enable
            /claude-code/plugins/{plugin_name}/disable /scim/v2/placeholders/{user_id}/merge
            /cloudzero/init /cloudzero/dry-run /cloudzero/export /vantage/init /vantage/dry-run
            /vantage/export /usage/ai/chat /jwt/key/mapping/new /jwt/key/mapping/update
            /jwt/key/mapping/delete
        MOUNT /metrics
        GET /model/streaming_metrics /model/metrics /model/metrics/slow_responses
            /model/metrics/exceptions /model/settings /alerting/settings /config/field/info
            /config/list /config/yaml /schedule/model_cost_map_reload/status /model/cost_map/source
            /schedule/anthropic_beta_headers_reload/status /adaptive_router/state /model_hub
            /model_hub/{facet} /v1/traces /v1/traces/agents /v1/traces/query/help
            /v1/traces/{trace_id} /v1/traces/{trace_id}/spans/{span_id}
            /v1/traces/{trace_id}/spans/{span_id}/error /credentials/by_name/{credential_name:path}
            /credentials/{credential_name:path}/jwks /credentials/by_model/{model_id}
            /config/pass_through_endpoint/team/{team_id} /credentials/migrate-encryption/check
            /customer/daily/activity/aggregated /customer/daily/activity/aggregated/keys
            /customer/daily/activity/aggregated/search
            /customer/daily/activity/aggregated/model_top_keys /customer/daily/activity/export
            /end_user/daily/activity/aggregated /end_user/daily/activity/aggregated/keys
            /end_user/daily/activity/aggregated/search
            /end_user/daily/activity/aggregated/model_top_keys /end_user/daily/activity/export
            /agent/daily/activity/aggregated /agent/daily/activity/aggregated/keys
            /agent/daily/activity/aggregated/search /agent/daily/activity/aggregated/model_top_keys
            /agent/daily/activity/export /end_user/info /customer/info /end_user/list /customer/list
            /end_user/daily/activity /customer/daily/activity /provider/budgets /cache/ping
            /cache/redis/info /callbacks/list /callbacks/configs /debug/asyncio-tasks
            /memory-usage-in-mem-cache /memory-usage-in-mem-cache-items /debug/memory/summary
            /debug/memory/details /debug/report /otel-spans /budget/settings /budget/list
            /access_group/list /access_group/{access_group}/info /auto_router/benchmarks
            /auto_router/session /auto_router/shadow_eval /auto_router/shadow_eval/{job_id}
            /api/plugins /api/plugins/auth-token /cost_optimization/prompt_caching/requests
            /router/settings /router/fields /gateway/daily/activity /audit /audit/{id}
            /v1/tool/policy/options /v1/tool/list /v1/tool/spend /v1/tool/{tool_name:path}/detail
            /v1/tool/{tool_name:path}/logs /v1/tool/{tool_name:path} /model-insights
            /model-insights/tasks /search_tools/list /search_tools/ui/available_providers /scim/v2/
            /scim/v2 /scim/v2/ResourceTypes /scim/v2/ResourceTypes/{resource_type_id} /scim/v2/Schemas
            /scim/v2/Schemas/{schema_id:path} /scim/v2/ServiceProviderConfig /scim/v2/placeholders
            /jwt/key/mapping/list /jwt/key/mapping/info
        DELETE,POST /schedule/model_cost_map_reload /schedule/anthropic_beta_headers_reload
        GET,POST /credentials /auto_router/classifier/default_prompt /v1/workflows/runs
            /v1/workflows/runs/{run_id}/events /v1/workflows/runs/{run_id}/messages /v1/memory
            /cache/settings /coordination_redis/settings /claude-code/plugins /scim/v2/Users
            /scim/v2/Groups /v1/access_group /v1/unified_access_group
        DELETE,PATCH /credentials/{credential_name:path}
        DELETE,GET,POST /config/pass_through_endpoint /config_overrides/hashicorp_vault
            /config_overrides/cyberark
        PATCH /update/internal_user_settings /update/default_team_settings /update/sso_settings
            /update/ui_theme_settings /update/mcp_semantic_filter_settings
            /update/websearch_interception_settings /update/mcp_tool_search_settings
            /update/ui_settings /update/user_banner /model/{model_id}/update
        PUT /access_group/{access_group}/update
        DELETE /access_group/{access_group}/delete /v1/tool/{tool_name:path}/overrides
            /cloudzero/delete /vantage/delete
        DELETE,GET,PUT /access_group/{access_group}/budget /v1/memory/{key:path}
            /search_tools/{search_tool_id} /claude-code/plugins/{plugin_name}
            /v1/access_group/{access_group_id} /v1/unified_access_group/{access_group_id}
        GET,PATCH /v1/workflows/runs/{run_id} /config/cost_discount_config /config/cost_margin_config
            /config/block_requests_for_models_without_pricing /email/event_settings
        DELETE,GET,OPTIONS,PATCH,POST,PUT /plugin-proxy/{plugin_name}/{path:path}
        DELETE,GET /fallback/{model}
        DELETE,GET,PATCH,PUT /scim/v2/Users/{user_id} /scim/v2/Groups/{group_id}
        GET,PUT /cloudzero/settings /vantage/settings
        """,
    ),
    Declared(
        "Prompt templates belong to the operator; testing one calls a model",
        """
        GET /prompts/list /prompts/{prompt_id}/versions /prompts/{prompt_id}/info
        DELETE,GET,PATCH,PUT /prompts/{prompt_id}
        POST /prompts /prompts/test /utils/dotprompt_json_converter
        """,
    ),
)

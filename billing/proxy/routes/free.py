"""Routes that spend nothing: declared, each with its reason. A billed key may call them without credit."""

from billing.proxy.routes.route import Declared

FREE = (
    Declared(
        "Lists models and their prices",
        """
        GET /models /v1/models /models/{model_id} /v1/models/{model_id} /utils/supported_openai_params
            /utils/model_info /v2/model/info /v1/model/info /model/info /v1/model/deprecations
            /model/deprecations /model_group/info /routes
        """,
    ),
    Declared(
        "Counts tokens; providers ask nothing for it",
        """
        POST /utils/token_counter /openai/v1/responses/input_tokens /responses/input_tokens
            /v1/responses/input_tokens /models/{model_name:path}:countTokens
            /v1beta/models/{model_name:path}:countTokens /v1/messages/count_tokens
        """,
    ),
    Declared(
        "Moderation costs nothing at the providers that LiteLLM knows",
        """
        POST /moderations /v1/moderations
        """,
        ("moderation",),
    ),
    Declared(
        "Reads, cancels or deletes a response that was paid for when it was made",
        """
        DELETE,GET /openai/v1/responses/{response_id} /responses/{response_id}
            /v1/responses/{response_id}
        GET /openai/v1/responses/{response_id}/input_items /responses/{response_id}/input_items
            /v1/responses/{response_id}/input_items
        POST /openai/v1/responses/{response_id}/cancel /responses/{response_id}/cancel
            /v1/responses/{response_id}/cancel
        """,
        ("aget_responses", "adelete_responses", "alist_input_items", "acancel_responses"),
    ),
    Declared(
        "Reads, cancels or deletes an interaction that was paid for when it was made",
        """
        DELETE,GET /interactions/{interaction_id} /v1beta/interactions/{interaction_id}
        POST /interactions/{interaction_id}/cancel /v1beta/interactions/{interaction_id}/cancel
        """,
        ("aget_interaction", "adelete_interaction", "acancel_interaction"),
    ),
    Declared(
        "Lists MCP tools, and calls none",
        """
        GET /mcp-rest/tools/list
        """,
        ("list_mcp_tools",),
    ),
    Declared(
        "Lists search tools",
        """
        GET /search/tools /v1/search/tools
        """,
    ),
    Declared(
        "LiteLLM's management of keys, users and teams; it has roles of its own",
        """
        POST /invitation/new /invitation/update /invitation/delete /key/generate
            /key/service-account/generate /key/update /key/bulk_update /team/key/bulk_update
            /key/delete /v2/key/info /key/regenerate /key/{key:path}/regenerate
            /key/{key:path}/reset_spend /key/block /key/unblock /key/health /user/new /user/update
            /user/bulk_update /user/delete /user/password/change /session/logout /team/new
            /team/update /team/member_add /team/member_delete /team/member_update
            /team/{team_id}/member/{user_id}/reset_spend /team/{team_id}/member/{user_id}/reset_budget
            /team/bulk_member_add /team/delete /team/block /team/unblock /team/model/add
            /team/model/delete /team/permissions_update /team/permissions_bulk_update
            /organization/new /organization/member_add
            /management/v1/teams/{team_id}/members/bulk_delete
            /management/v1/teams/{team_id}/members/bulk_update /management/v1/users/bulk
            /management/v1/users/bulk_delete /spend/calculate /global/spend/reset
            /global/spend/refresh /global/spend/end_users /team/{team_id}/disable_logging /tag/new
            /tag/update /tag/info /tag/delete /project/new /project/update
        GET /invitation/info /get/config/callbacks /key/info /key/list /key/aliases
            /user/available_roles /user/info /v2/user/info /user/list /user/filter/ui
            /user/daily/activity /user/daily/activity/aggregated /user/daily/activity/aggregated/keys
            /user/daily/activity/aggregated/search /user/daily/activity/aggregated/model_top_keys
            /user/daily/activity/export /user/daily/activity/aggregated/cache_leakage_keys
            /team/daily/activity/aggregated /team/daily/activity/aggregated/keys
            /team/daily/activity/aggregated/search /team/daily/activity/aggregated/model_top_keys
            /team/daily/activity/export /tag/daily/activity/aggregated
            /tag/daily/activity/aggregated/keys /tag/daily/activity/aggregated/search
            /tag/daily/activity/aggregated/model_top_keys /tag/daily/activity/export
            /organization/daily/activity/aggregated /organization/daily/activity/aggregated/keys
            /organization/daily/activity/aggregated/search
            /organization/daily/activity/aggregated/model_top_keys /organization/daily/activity/export
            /team/info /team/{team_id}/members/me /team/metadata_schema /team/available /v2/team/list
            /team/list /team/filter/ui /team/permissions_list /team/daily/activity /team/spend/by_user
            /sso/get/ui_settings /sso/readiness /organization/daily/activity /organization/list
            /management/v1/budgets /management/v1/spend_logs/end_users /management/v1/spend_logs/users
            /spend/keys /spend/users /spend/tags /global/activity /global/activity/model
            /global/activity/exceptions/deployment /global/activity/exceptions /spend/capture_rate
            /global/spend/provider /global/spend/report /key/spend/report /user/spend/report
            /team/spend/report /organization/spend/report /global/spend/all_tag_names
            /global/spend/tags /spend/logs/ui /spend/logs/v2 /spend/logs/ui/{request_id} /spend/logs
            /global/spend/logs /global/spend /global/spend/keys /global/spend/teams
            /global/all_end_users /global/spend/models /spend/logs/session/ui
            /global/activity/cache_hits /get/allowed_ips /get/internal_user_settings
            /get/default_team_settings /get/sso_settings /get/mcp_semantic_filter_settings
            /get/websearch_interception_settings /get/mcp_tool_search_settings /get/user_banner
            /get/latest_release_info /tag/list /tag/daily/activity /tag/distinct /tag/dau /tag/wau
            /tag/mau /tag/summary /tag/user-agent/per-user-analytics /user/available_users
            /project/info /project/list
        PATCH /team/{team_id} /organization/update /v2/organization/{organization_id}
            /organization/member_update
        DELETE /organization/delete /organization/member_delete
            /team/{team_id:path}/callback/{callback_name} /project/delete
        GET,POST /organization/info /team/{team_id:path}/callback
        """,
    ),
    Declared(
        "Asks for no key: pages, logins, discovery",
        """
        GET /openapi.json / /docs/oauth2-redirect /redoc /fallback/login /onboarding/get_token
            /get_logo_url /get_image /get_favicon /public/model_hub /public/agent_hub /public/mcp_hub
            /public/skill_hub /public/model_hub/info /public/providers /public/providers/fields
            /public/complexity_router/scorer_defaults /public/complexity_router/fuse_presets
            /public/litellm_model_cost_map /public/litellm_blog_posts /public/autorouter_presets
            /public/endpoints /public/agents/fields /health/drain /sso/key/generate /sso/callback
            /sso/saml/login /sso/saml/metadata /sso/cli/poll/{key_id} /sso/debug/login
            /sso/debug/callback /get/ui_theme_settings /get/ui_settings /robots.txt
            /litellm/.well-known/litellm-ui-config /.well-known/litellm-ui-config
            /.well-known/skills/index.json /.well-known/agent-skills/index.json
            /v1/skills/{skill_id}/archive /claude-code/marketplace.json /docs
        POST /onboarding/claim_token /login /v2/login /v3/login /v3/login/exchange /v1/traces /v1/logs
            /sso/cli/start /sso/cli/complete/{login_id} /sso/saml/callback /moyai/connect/exchange
            /api/event_logging/batch
        GET,OPTIONS /health/readiness /health/liveness /health/liveliness
        GET,POST /liteadmin/slack/connect/{token}
        """,
        needs_key=False,
    ),
    Declared(
        "Takes a credential of its own, which no virtual key is",
        """
        GET /lens/internal/ingestion-credentials /lens/worker/{lens_id}/{job_id}/reviews
            /lens/worker/{lens_id}/{job_id}/sample /lens/worker/{lens_id}/{job_id}/content
            /claude_code_gateway/.well-known/oauth-authorization-server
        POST /lens/worker/claim /lens/worker/{lens_id}/{job_id}/progress
            /lens/worker/{lens_id}/{job_id}/model /lens/worker/{lens_id}/{job_id}/result
            /lens/worker/{lens_id}/{job_id}/heartbeat /claude_code_gateway/oauth/device_authorization
            /claude_code_gateway/oauth/token /claude_code_gateway/oauth/revoke
        """,
        needs_key=False,
    ),
    Declared(
        "Files of the web pages",
        """
        MOUNT /_next /litellm-asset-prefix/_next /ui /swagger
        """,
        needs_key=False,
    ),
    Declared(
        "OAuth of MCP servers: logs in, calls no tool",
        """
        GET /v1/mcp/registry.json /.well-known/oauth-authorization-server
            /.well-known/oauth-authorization-server/v1/mcp/oauth
            /.well-known/oauth-authorization-server/{root_path:path}/v1/mcp/oauth
            /v1/mcp/oauth/protected-resource /authorize/mcp-session /authorize
            /{mcp_server_name}/authorize /authorize/flow /.well-known/litellm-cli-auth /callback
            /.well-known/oauth-protected-resource /.well-known/oauth-protected-resource/mcp
            /.well-known/oauth-authorization-server/mcp
            /.well-known/oauth-protected-resource/mcp/{mcp_server_name}
            /.well-known/oauth-protected-resource/{mcp_server_name}/mcp
            /.well-known/oauth-authorization-server/mcp/{mcp_server_name}
            /.well-known/oauth-authorization-server/{mcp_server_name}
            /.well-known/openid-configuration /.well-known/jwks.json
            /.well-known/oauth-authorization-server/{mcp_server_name}/mcp /oauth/client-metadata.json
        GET,POST /v1/mcp/oauth/authorize
        POST /v1/mcp/oauth/token /token /{mcp_server_name}/token /authorize/complete /revoke /register
            /{mcp_server_name}/register
        """,
        needs_key=False,
    ),
)

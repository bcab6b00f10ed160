"""Routes that cost nothing, each with its reason. A billed key may call them without credit."""

from billing.proxy.routes.route import Declared

FREE = (
    Declared(
        "Lists models and their prices",
        """
        GET /models /v1/models /models/{model_id} /v1/models/{model_id} /utils/supported_openai_params
            /model_group/info
        """,
    ),
    Declared(
        "Counts tokens; providers charge nothing for it",
        """
        POST /utils/token_counter /openai/v1/responses/input_tokens /responses/input_tokens
            /v1/responses/input_tokens /models/{model_name:path}:countTokens
            /v1beta/models/{model_name:path}:countTokens /v1/messages/count_tokens
        """,
        checked=True,
    ),
    Declared(
        "Moderation is free at the providers that LiteLLM knows",
        """
        POST /moderations /v1/moderations
        """,
        ("moderation",),
        checked=True,
    ),
    Declared(
        "Reads, cancels or deletes a response that has already been paid for",
        """
        DELETE,GET /openai/v1/responses/{response_id} /responses/{response_id}
            /v1/responses/{response_id}
        GET /openai/v1/responses/{response_id}/input_items /responses/{response_id}/input_items
            /v1/responses/{response_id}/input_items
        POST /openai/v1/responses/{response_id}/cancel /responses/{response_id}/cancel
            /v1/responses/{response_id}/cancel
        """,
        ("aget_responses", "adelete_responses", "alist_input_items", "acancel_responses"),
        checked=True,
    ),
    Declared(
        "Lists MCP tools without calling any",
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
        "The caller's own keys; LiteLLM checks ownership, billing checks the fields",
        """
        GET /key/info /key/list /key/aliases
        POST /v2/key/info /key/generate /key/service-account/generate /key/update /key/delete
            /key/regenerate /key/{key:path}/regenerate
        """,
    ),
    Declared(
        "The caller and its teams",
        """
        GET /user/info /v2/user/info /user/available_roles /team/info /team/list /v2/team/list
            /team/{team_id}/members/me /team/available /team/metadata_schema /team/permissions_list
        POST /user/password/change /session/logout
        """,
    ),
    Declared(
        "Daily usage of the caller and its teams",
        """
        GET /user/daily/activity /user/daily/activity/aggregated /user/daily/activity/aggregated/keys
            /user/daily/activity/aggregated/search /user/daily/activity/aggregated/model_top_keys
            /user/daily/activity/export /team/daily/activity /team/daily/activity/aggregated
            /team/daily/activity/aggregated/keys /team/daily/activity/aggregated/search
            /team/daily/activity/aggregated/model_top_keys /team/daily/activity/export
        """,
    ),
    Declared(
        "Settings that the web pages read with the caller's key",
        """
        GET /sso/get/ui_settings /get/user_banner
        """,
    ),
    Declared(
        "Needs no key: pages, logins, discovery",
        """
        GET /openapi.json / /routes /docs/oauth2-redirect /redoc /fallback/login /onboarding/get_token
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
        POST /onboarding/claim_token /login /v3/login /v3/login/exchange /v1/traces /v1/logs /sso/cli/start
            /sso/cli/complete/{login_id} /sso/saml/callback /moyai/connect/exchange
            /api/event_logging/batch
        GET,OPTIONS /health/readiness /health/liveness /health/liveliness
        GET,POST /liteadmin/slack/connect/{token}
        """,
        needs_key=False,
    ),
    Declared(
        "Needs a name and a password instead of a key",
        """
        POST /v2/login
        """,
        needs_key=False,
        checked=True,
    ),
    Declared(
        "Needs a credential of its own, not a virtual key",
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
        "Static files of the web pages",
        """
        MOUNT /_next /litellm-asset-prefix/_next /ui /swagger
        """,
        needs_key=False,
    ),
    Declared(
        "OAuth of MCP servers: logs in without calling tools",
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

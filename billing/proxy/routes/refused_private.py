"""Routes that expose data of other customers or the operator, or change who pays: refused for billed keys.

LiteLLM checks roles on most of them, but not always correctly. Prepaid customers need none of these routes,
so their separation does not depend on those checks. Admin viewers, who work for the operator, may read.
"""

from billing.proxy.routes.route import Declared

REFUSED_PRIVATE = (
    Declared(
        "It shows more than the caller's own account",
        """
        GET /user/list /user/filter/ui /user/available_users /team/filter/ui /team/spend/by_user
            /user/daily/activity/aggregated/cache_leakage_keys /spend/keys /spend/users /spend/tags
            /spend/capture_rate /key/spend/report /user/spend/report /team/spend/report
            /organization/spend/report /global/activity /global/activity/model
            /global/activity/exceptions/deployment /global/activity/exceptions
            /global/activity/cache_hits /global/spend/provider /global/spend/report
            /global/spend/all_tag_names /global/spend/tags /global/spend/logs /global/spend
            /global/spend/keys /global/spend/teams /global/spend/models /global/all_end_users
            /management/v1/budgets /management/v1/spend_logs/end_users /management/v1/spend_logs/users
            /tag/list /tag/distinct /tag/dau /tag/wau /tag/mau /tag/summary
            /tag/user-agent/per-user-analytics /tag/daily/activity /tag/daily/activity/aggregated
            /tag/daily/activity/aggregated/keys /tag/daily/activity/aggregated/search
            /tag/daily/activity/aggregated/model_top_keys /tag/daily/activity/export
            /organization/list /organization/daily/activity /organization/daily/activity/aggregated
            /organization/daily/activity/aggregated/keys /organization/daily/activity/aggregated/search
            /organization/daily/activity/aggregated/model_top_keys /organization/daily/activity/export
            /project/info /project/list /invitation/info
        GET,POST /organization/info
        POST /tag/info /global/spend/end_users
        """,
        viewers_read=True,
    ),
    Declared(
        "It shows where the operator's providers are; GET /v1/models and /model_group/info list models",
        """
        GET /model/info /v1/model/info /v2/model/info /utils/model_info /model/deprecations
            /v1/model/deprecations
        """,
        viewers_read=True,
    ),
    Declared(
        "It shows where the operator's providers are; GET /stripe/transactions lists the cost of calls",
        """
        GET /spend/logs /spend/logs/ui /spend/logs/v2 /spend/logs/ui/{request_id} /spend/logs/session/ui
        """,
        viewers_read=True,
    ),
    Declared(
        "Users, teams and their permissions decide who pays, so only the operator may change them",
        """
        POST /user/new /user/update /user/bulk_update /user/delete /team/new /team/update
            /team/member_add /team/member_delete /team/member_update /team/bulk_member_add /team/delete
            /team/block /team/unblock /team/model/add /team/model/delete /team/permissions_update
            /team/permissions_bulk_update /team/{team_id}/disable_logging
            /management/v1/teams/{team_id}/members/bulk_delete
            /management/v1/teams/{team_id}/members/bulk_update /management/v1/users/bulk
            /management/v1/users/bulk_delete /organization/new /organization/member_add /project/new
            /project/update /tag/new /tag/update /tag/delete /invitation/new /invitation/update
            /invitation/delete
        PATCH /team/{team_id} /organization/update /v2/organization/{organization_id}
            /organization/member_update
        DELETE /organization/delete /organization/member_delete /project/delete
        """,
    ),
    Declared(
        "Only the operator may block keys, change many at once, or reset LiteLLM's spend",
        """
        POST /key/block /key/unblock /key/bulk_update /team/key/bulk_update /key/{key:path}/reset_spend
            /team/{team_id}/member/{user_id}/reset_spend /team/{team_id}/member/{user_id}/reset_budget
            /global/spend/reset /global/spend/refresh
        """,
    ),
    Declared(
        "The operator decides where LiteLLM sends its logs",
        """
        GET /get/config/callbacks
        GET,POST /team/{team_id:path}/callback
        DELETE /team/{team_id:path}/callback/{callback_name}
        POST /key/health
        """,
        viewers_read=True,
    ),
    Declared(
        "The operator's settings",
        """
        GET /get/allowed_ips /get/internal_user_settings /get/default_team_settings /get/sso_settings
            /get/mcp_semantic_filter_settings /get/websearch_interception_settings
            /get/mcp_tool_search_settings /get/latest_release_info /sso/readiness
        """,
        viewers_read=True,
    ),
    Declared(
        "It computes a price that differs from the charge; see GET /stripe/transactions",
        """
        POST /spend/calculate
        """,
    ),
    Declared(
        "Prepaid keys cannot create interactions, so none belongs to the caller",
        """
        DELETE,GET /interactions/{interaction_id} /v1beta/interactions/{interaction_id}
        POST /interactions/{interaction_id}/cancel /v1beta/interactions/{interaction_id}/cancel
        """,
    ),
)

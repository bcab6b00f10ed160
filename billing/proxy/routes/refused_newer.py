"""Routes that the LiteLLM version in requirements/ does not have, found in a newer one that is tested, too.

They are reviewed when that version is adopted; until then prepaid keys may not use them. Routes of unreviewed
versions are unlisted, and so refused as well.
"""

from billing.proxy.routes.route import Declared

REFUSED_NEWER = (
    Declared(
        "LiteLLM 1.108: a live session is a WebSocket whose turns LiteLLM passes to no hook",
        """
        WS /live/sessions /v1/live/sessions /openai/v1/live/sessions
        """,
    ),
    Declared(
        "LiteLLM 1.108: the operator's credentials, warnings, telemetry and statistics",
        """
        GET /credentials/user_connections /gateway/errors/activity /health/deployment_warnings
            /telemetry/reports /telemetry/ui_events/enabled /user/daily/activity/aggregated/users
            /management/v1/users/me
        DELETE /credentials/{credential_name:path}/user_connection
        POST /credentials/{credential_name:path}/user_connection/poll
            /credentials/{credential_name:path}/user_connection/start /telemetry/ui_events
        PATCH /health/deployment_warnings/{warning_id}
        GET,PUT /telemetry/settings
        """,
    ),
    Declared(
        "LiteLLM 1.108: Lens reviews traces with models whose calls are not billed",
        """
        DELETE,PATCH,PUT /lens
        DELETE,GET,PATCH,POST,PUT /lens/{path:path}
        """,
    ),
)

"""Which declared routes a LiteLLM does not have: those of newer versions, and those that are gone."""

from __future__ import annotations

from billing.proxy.routes import NEWER, Handling
from billing.proxy.routes.route import Declared

FEATURES = 37  # that LiteLLM adds when they are first asked for, in each version

# Not in 1.108.7: most of Lens, and what 1.106.12 took over from later versions of 1.108.
_GONE_IN_1_108_7 = """
    GET,POST /lens/datasets /lens/tracing/keys /lens/{lens_id}/runs
    POST /lens/datasets/build /lens/datasets/{dataset_id}/revisions /lens/feedback/summary
        /lens/traces/signals /lens/traces/findings /lens/watch-all /lens/{lens_id}/cancel
        /lens/preview/sample /lens/workers/register /lens/worker/claim
        /lens/worker/{lens_id}/{job_id}/progress /lens/worker/{lens_id}/{job_id}/model
        /lens/worker/{lens_id}/{job_id}/result /lens/worker/{lens_id}/{job_id}/heartbeat
    GET /lens/datasets/{dataset_id} /lens/datasets/{dataset_id}/export
        /lens/datasets/{dataset_id}/revisions/{revision}/cases
        /lens/activity/available /lens/agents /lens/{lens_id}/runs/{job_id}
        /lens/{lens_id}/runs/{job_id}/reviews /lens/{lens_id}/executions/{execution_id}
        /lens/internal/ingestion-credentials /lens/worker/{lens_id}/{job_id}/reviews
        /lens/worker/{lens_id}/{job_id}/sample /lens/worker/{lens_id}/{job_id}/content
    DELETE,GET,PUT /lens/feedback
    DELETE /lens/tracing/keys/{key_id} /lens/workers/{worker_id}
    GET,PUT /lens/signals /lens/{lens_id}
    PATCH /lens/{lens_id}/findings/{finding_id}
    PUT /lens/workers/{worker_id}/billing-key
    GET,POST /backend-api/codex/{endpoint}
"""


def lacking(version: str) -> set[tuple[str, str]]:
    """Method and path of each declared route that this version does not have."""
    if version != "1.108.7":
        return set(NEWER)
    gone = Declared("gone", _GONE_IN_1_108_7).expanded(Handling.REFUSED)
    return {(route.method, route.path) for route in gone}

"""Routes whose cost cannot be known in advance, or at all: refused for billed keys."""

from billing.proxy.routes.route import Declared

REFUSED_CALLS = (
    Declared(
        "LiteLLM neither counts nor prices the usage of assistants, threads and runs",
        """
        GET,POST /assistants /v1/assistants /threads/{thread_id}/messages
            /v1/threads/{thread_id}/messages
        DELETE /assistants/{assistant_id:path} /v1/assistants/{assistant_id:path}
        POST /threads /v1/threads /threads/{thread_id}/runs /v1/threads/{thread_id}/runs
        GET /threads/{thread_id} /v1/threads/{thread_id}
        """,
    ),
    Declared(
        "Agents have no price unless the operator sets one per call",
        """
        GET,POST /v1/agents /v1beta/agents
        GET /v1/agents/identity/providers /v1/agents/{agent_id}/identity /agent/daily/activity
            /v1beta/agents/{name}/versions /a2a/{agent_id}/.well-known/agent.json
            /a2a/{agent_id}/.well-known/agent-card.json
        DELETE,GET,PATCH,PUT /v1/agents/{agent_id}
        POST /v1/agents/{agent_id}/kill_switch /v1/agents/{agent_id}/make_public
            /v1/agents/make_public /v1/a2a/{agent_id}/message/send /a2a/{agent_id}/message/send
            /a2a/{agent_id} /v1/a2a/discover
        DELETE,GET /v1beta/agents/{name}
        """,
    ),
    Declared(
        "A batch is only priced when it has finished, so no hold is possible",
        """
        GET,POST /batches /v1/batches /{provider}/v1/batches
        GET /batches/{batch_id:path} /v1/batches/{batch_id:path}
            /{provider}/v1/batches/{batch_id:path}
        POST /batches/{batch_id:path}/cancel /v1/batches/{batch_id:path}/cancel
            /{provider}/v1/batches/{batch_id:path}/cancel
        """,
    ),
    Declared(
        "LiteLLM's Claude Code gateway is not billed; point Claude Code at /v1/messages",
        """
        GET /claude_code_gateway/managed/settings
        POST /claude_code_gateway/v1/metrics /claude_code_gateway/v1/logs
            /claude_code_gateway/v1/traces /claude_code_gateway/v1/messages
            /claude_code_gateway/v1/messages/count_tokens
        """,
    ),
    Declared(
        "Containers are billed by running time, which LiteLLM does not price",
        """
        GET,POST /containers /v1/containers /v1/containers/{container_id}/files
            /containers/{container_id}/files
        DELETE,GET /containers/{container_id} /v1/containers/{container_id}
            /v1/containers/{container_id}/files/{file_id} /containers/{container_id}/files/{file_id}
        GET /v1/containers/{container_id}/files/{file_id}/content
            /containers/{container_id}/files/{file_id}/content
        """,
    ),
    Declared(
        "Cursor's own API is not billed; give Cursor the base URL that ends in /v1",
        """
        GET /cursor/v1/models /cursor/models
        POST /cursor/chat/completions
        """,
    ),
    Declared(
        "LiteLLM has no price for decisions",
        """
        POST /systemone /v1/systemone /decisions /v1/decisions
        """,
    ),
    Declared(
        "An evaluation makes model calls that are not known in advance",
        """
        GET,POST /v1/evals /v1/evals/{eval_id}/runs
        DELETE,GET,POST /v1/evals/{eval_id} /v1/evals/{eval_id}/runs/{run_id}
        POST /v1/evals/{eval_id}/cancel
        """,
    ),
    Declared(
        "Files are used by batches, fine-tuning and assistants, which cannot be billed",
        """
        GET,POST /files /v1/files /{provider}/v1/files
        GET /files/{file_id:path}/content /v1/files/{file_id:path}/content
            /{provider}/v1/files/{file_id:path}/content
        DELETE,GET /files/{file_id:path} /v1/files/{file_id:path} /{provider}/v1/files/{file_id:path}
        """,
    ),
    Declared(
        "Training is only priced when it has finished",
        """
        GET,POST /fine_tuning/jobs /v1/fine_tuning/jobs
        GET /fine_tuning/jobs/{fine_tuning_job_id:path} /v1/fine_tuning/jobs/{fine_tuning_job_id:path}
        POST /fine_tuning/jobs/{fine_tuning_job_id:path}/cancel
            /v1/fine_tuning/jobs/{fine_tuning_job_id:path}/cancel
        """,
    ),
    Declared(
        "An MCP session runs in the context of its first request, so its calls cannot have holds; "
        "use POST /mcp-rest/tools/call",
        """
        DELETE,GET,OPTIONS,PATCH,POST,PUT /mcp/proxy /toolset/{toolset_name}/mcp
            /{mcp_server_name}/mcp
        DELETE,GET,MOUNT,OPTIONS,PATCH,POST,PUT /mcp
        GET /v1/mcp/tools /v1/mcp/access_groups /v1/mcp/network/client-ip /v1/mcp/server/health
            /v1/mcp/server/submissions /v1/mcp/server/oauth/{server_id}/authorize
            /v1/mcp/server/{server_id}/oauth-user-credential/status /v1/mcp/user-credentials
            /v1/mcp/server/{server_id}/user-credentials /v1/mcp/user-env-vars/status /v1/mcp/discover
            /v1/mcp/openapi-registry /mcp/openapi.json /mcp/docs
            /mcp/docs/oauth2-redirect /mcp/redoc /mcp/enabled /mcp/sse /mcp/sse/
        GET,POST,PUT /v1/mcp/server /v1/mcp/toolset
        POST /v1/mcp/server/register /v1/mcp/server/import /v1/mcp/server/oauth/session
            /v1/mcp/server/oauth/{server_id}/token /v1/mcp/server/oauth/{server_id}/register
            /v1/mcp/make_public /introspect /mcp-rest/test/connection
            /mcp-rest/test/tools/list /mcp/sse/messages /mcp/sse/messages/
        DELETE,GET /v1/mcp/sessions /v1/mcp/server/{server_id} /v1/mcp/toolset/{toolset_id}
        DELETE,POST /v1/mcp/server/{server_id}/pin /v1/mcp/server/{server_id}/user-credential
            /v1/mcp/server/{server_id}/oauth-user-credential
        PUT /v1/mcp/server/{server_id}/approve /v1/mcp/server/{server_id}/reject
        DELETE,GET,POST /v1/mcp/server/{server_id}/user-env-vars
        MOUNT /mcp/mcp /mcp/{mcp_server_name}/mcp
        """,
    ),
    Declared(
        "A provider's own API is passed through, so its cost is not known in advance",
        """
        DELETE,GET,PATCH,POST,PUT /openai_passthrough/{endpoint:path} /gemini/{endpoint:path}
            /cohere/{endpoint:path} /fal_ai/{endpoint:path} /vllm/{endpoint:path}
            /mistral/{endpoint:path} /typesafe/{endpoint:path} /openrouter/{endpoint:path}
            /milvus/{endpoint:path} /anthropic/{endpoint:path} /bedrock/{endpoint:path}
            /azure_speech/{endpoint:path} /eu.assemblyai/{endpoint:path} /assemblyai/{endpoint:path}
            /nvidia_nim/{endpoint:path} /azure/{endpoint:path} /azure_ai/{endpoint:path}
            /vertex_ai/discovery/{endpoint:path} /vertex_ai/{endpoint:path} /vertex-ai/{endpoint:path}
            /openai/{endpoint:path} /cursor/{endpoint:path} /gigachat/{endpoint:path}
            /watsonx/{endpoint:path} /langfuse/{endpoint:path}
        POST /laya/v1/systemone /bespoke/v1/systemone /comprehendmedical/{operation}
            /comprehendmedical /transcribe/{operation} /transcribe
        GET,POST /tinyfish/{endpoint:path}
        """,
    ),
    Declared(
        "The queue is not billed; use /v1/chat/completions",
        """
        POST /queue/chat/completions
        """,
    ),
    Declared(
        "Ingestion and retrieval call several models, and LiteLLM does not add up their costs",
        """
        POST /rag/ingest /v1/rag/ingest /rag/query /v1/rag/query
        """,
    ),
    Declared(
        "The session's credential leaves the gateway, so its use cannot be observed",
        """
        POST /openai/v1/realtime/client_secrets /realtime/client_secrets /v1/realtime/client_secrets
            /openai/v1/realtime/calls /realtime/calls /v1/realtime/calls
            /openai/v1/realtime/transcription_sessions /realtime/transcription_sessions
            /v1/realtime/transcription_sessions
        """,
    ),
    Declared(
        "LiteLLM has no price for skills",
        """
        GET,POST /v1/skills
        DELETE,GET /v1/skills/{skill_id}
        """,
    ),
    Declared(
        "Vector stores are billed by size and time, which LiteLLM does not price",
        """
        POST /vector_stores/{vector_store_id:path}/search
            /v1/vector_stores/{vector_store_id:path}/search /vector_store/new /vector_store/delete
            /vector_store/info /vector_store/update
        GET,POST /vector_stores /v1/vector_stores /v1/indexes /vector_stores/{vector_store_id}/files
            /v1/vector_stores/{vector_store_id}/files
        DELETE,GET,POST /vector_stores/{vector_store_id} /v1/vector_stores/{vector_store_id}
            /vector_stores/{vector_store_id}/files/{file_id}
            /v1/vector_stores/{vector_store_id}/files/{file_id}
        GET /v1/vector_store/list /vector_store/list
            /vector_stores/{vector_store_id}/files/{file_id}/content
            /v1/vector_stores/{vector_store_id}/files/{file_id}/content
        """,
    ),
    Declared(
        "A video is priced by the length that its provider reports after accepting it",
        """
        GET,POST /videos /v1/videos
        GET /videos/{video_id} /v1/videos/{video_id} /videos/{video_id}/content
            /v1/videos/{video_id}/content /videos/characters/{character_id}
            /v1/videos/characters/{character_id}
        POST /videos/{video_id}/remix /v1/videos/{video_id}/remix /videos/characters
            /v1/videos/characters /videos/edits /v1/videos/edits /videos/extensions
            /v1/videos/extensions
        """,
    ),
    Declared(
        "Each turn of this WebSocket is a request that LiteLLM passes to no hook; use POST",
        """
        WS /responses /v1/responses
        """,
    ),
    Declared(
        "A provider's own WebSocket is passed through, so its cost is not known in advance",
        """
        WS /vertex_ai/live /openai/{endpoint:path} /openai_passthrough/{endpoint:path} /deepgram/listen
            /deepgram/v1/listen
        """,
    ),
    Declared(
        "The client's own ChatGPT subscription is passed through, which the operator does not pay for",
        """
        GET,POST /backend-api/codex/{endpoint}
        """,
    ),
    Declared(
        "LiteLLM sends every interaction to Gemini, whatever provider its model has; use generateContent",
        """
        POST /v1beta/interactions /interactions
        """,
    ),
)

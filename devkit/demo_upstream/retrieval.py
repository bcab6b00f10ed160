"""Rerank in Cohere's shape, OCR in Mistral's, moderation in OpenAI's, web search in Perplexity's.

Sources: https://docs.cohere.com/reference/rerank, https://docs.mistral.ai/api/#tag/ocr,
https://platform.openai.com/docs/api-reference/moderations,
https://docs.perplexity.ai/api-reference/search-post
"""

from __future__ import annotations

import math
import secrets

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devkit.demo_upstream import wire
from devkit.demo_upstream.schemas import (
    ModerationRequest,
    OcrRequest,
    RerankRequest,
    SearchRequest,
)
from devkit.demo_upstream.wire import Object

DOCUMENTS_A_SEARCH = 100
PAGES_OF_A_DOCUMENT = 3
_CATEGORIES = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent",
    "self-harm", "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence",
    "violence/graphic",
)  # fmt: skip


async def rerank(request: Request) -> Response:
    """Ranks documents by the number of words they share with the query."""
    asked = await wire.parsed_for(RerankRequest, "rerank", request)
    if isinstance(asked, Response):
        return asked
    query = set(asked.query.lower().split())
    scores = [
        len(query & set(str(document).lower().split())) / len(query | {""}) for document in asked.documents
    ]
    order = sorted(range(len(scores)), key=lambda index: -scores[index])[: asked.top_n]
    searches = math.ceil(len(asked.documents) / DOCUMENTS_A_SEARCH)
    return JSONResponse(
        {
            "id": secrets.token_hex(12),
            "results": [{"index": index, "relevance_score": scores[index]} for index in order],
            "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": searches}},
        }
    )


async def moderate(request: Request) -> Response:
    """Flags nothing."""
    asked = await wire.parsed_for(ModerationRequest, "moderate", request)
    if isinstance(asked, Response):
        return asked
    texts = [asked.input] if isinstance(asked.input, str) else asked.input
    verdict: Object = {
        "flagged": False,
        "categories": dict.fromkeys(_CATEGORIES, False),
        "category_scores": dict.fromkeys(_CATEGORIES, 0.0),
        "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
    }
    return JSONResponse(
        {"id": f"modr-{secrets.token_hex(12)}", "model": asked.model, "results": [verdict] * len(texts)}
    )


async def search(request: Request) -> Response:
    """Finds as many pages about the query as requested."""
    asked = wire.parsed(SearchRequest, await request.body())
    if isinstance(asked, Response):
        return asked
    results: list[Object] = [
        {
            "title": f"{asked.query}, page {number}",
            "url": f"https://example.com/{number}",
            "snippet": f"What page {number} says of it.",
            "date": "2026-01-01",
        }
        for number in range(1, asked.max_results + 1)
    ]
    return JSONResponse({"id": secrets.token_hex(12), "results": results})


async def read_pages(request: Request) -> Response:
    """Returns a document of three pages, or the requested ones."""
    asked = await wire.parsed_for(OcrRequest, "read", request)
    if isinstance(asked, Response):
        return asked
    one_image = asked.document.get("type") == "image_url"
    pages = asked.pages or list(range(1 if one_image else PAGES_OF_A_DOCUMENT))
    size: Object = {"dpi": 200, "height": 100, "width": 100}
    return JSONResponse(
        {
            "pages": [
                {"index": index, "markdown": f"Page {index}.", "images": [], "dimensions": size}
                for index in pages
            ],
            "model": asked.model,
            "usage_info": {"pages_processed": len(pages), "doc_size_bytes": 1},
        }
    )


ROUTES = [
    Route("/v1/rerank", rerank, methods=["POST"]),
    Route("/v2/rerank", rerank, methods=["POST"]),
    Route("/v1/moderations", moderate, methods=["POST"]),
    Route("/v1/ocr", read_pages, methods=["POST"]),
    Route("/v1/search", search, methods=["POST"]),
]

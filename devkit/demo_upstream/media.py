"""Images, speech and transcriptions: small, and always the same for the same request.

Source: https://platform.openai.com/docs/api-reference/images, …/audio
"""

from __future__ import annotations

import base64
import hashlib
import io
import struct
import time
import wave
import zlib

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from devkit.demo_upstream import tokens, wire
from devkit.demo_upstream.models import model_that
from devkit.demo_upstream.schemas import ImageRequest, SpeechRequest
from devkit.demo_upstream.wire import Object

FORM_PARTS_MAX = 50
SAMPLES_A_SECOND = 8_000
SECONDS_A_WORD = 0.25
TOKENS_AN_IMAGE = 1_056  # a square of medium quality, as gpt-image-1 counts it


async def generate_images(request: Request) -> Response:
    """`POST /v1/images/generations`: squares of a colour derived from the prompt."""
    asked = wire.parsed(ImageRequest, await request.body())
    if isinstance(asked, Response):
        return asked
    return _images(asked.model, asked.prompt, asked.n, inputs=0)


async def edit_images(request: Request) -> Response:
    """`POST /v1/images/edits`, as a form."""
    async with request.form(max_files=FORM_PARTS_MAX, max_fields=FORM_PARTS_MAX) as form:
        inputs = sum(isinstance(value, UploadFile) for _, value in form.multi_items())
        count = str(form.get("n", "1"))
        if not inputs or not count.isdigit() or not 1 <= int(count) <= 10:
            return wire.error(400, "image: send one, and n from 1 to 10")
        return _images(str(form.get("model")), str(form.get("prompt")), int(count), inputs)


def _images(model_name: str, prompt: str, count: int, inputs: int) -> Response:
    model = model_that("draw", model_name)
    if model is None:
        return wire.no_such_model(model_name)
    image = base64.b64encode(_square(hashlib.sha256(prompt.encode()).digest()[:3])).decode()
    answer: Object = {"created": int(time.time()), "data": [{"b64_json": image}] * count}
    if model.name.startswith("gpt-image"):
        answer["usage"] = _image_usage(
            tokens.count(prompt), TOKENS_AN_IMAGE * inputs, TOKENS_AN_IMAGE * count
        )
    return JSONResponse(answer)


def _image_usage(text: int, given: int, made: int) -> Object:
    return {
        "input_tokens": text + given,
        "input_tokens_details": {"text_tokens": text, "image_tokens": given},
        "output_tokens": made,
        "total_tokens": text + given + made,
    }


def _square(colour: bytes) -> bytes:
    """A PNG of 8 by 8 pixels in one colour."""
    rows = b"".join(b"\0" + colour * 8 for _ in range(8))
    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


async def speak(request: Request) -> Response:
    """`POST /v1/audio/speech`: silence, a quarter of a second per word."""
    asked = await wire.parsed_for(SpeechRequest, "speak", request)
    if isinstance(asked, Response):
        return asked
    sound = silence(SECONDS_A_WORD * len(asked.input.split()))
    return Response(sound, media_type="audio/wav")


def silence(seconds: float) -> bytes:
    """Returns a WAV file of this many seconds."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLES_A_SECOND)
        file.writeframes(b"\0\0" * round(SAMPLES_A_SECOND * seconds))
    return buffer.getvalue()


async def transcribe(request: Request) -> Response:
    """`POST /v1/audio/transcriptions`: answers with the number of received bytes."""
    async with request.form(max_files=1, max_fields=FORM_PARTS_MAX) as form:
        file, model_name = form.get("file"), str(form.get("model"))
        if not isinstance(file, UploadFile):
            return wire.error(400, "file: send a recording")
        if model_that("transcribe", model_name) is None:
            return wire.no_such_model(model_name)
        text = f"I heard {len(await file.read())} bytes."
        if form.get("response_format") == "text":
            return PlainTextResponse(text)
        return JSONResponse({"text": text})


ROUTES = [
    Route("/v1/images/generations", generate_images, methods=["POST"]),
    Route("/v1/images/edits", edit_images, methods=["POST"]),
    Route("/v1/audio/speech", speak, methods=["POST"]),
    Route("/v1/audio/transcriptions", transcribe, methods=["POST"]),
]

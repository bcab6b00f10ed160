"""Makes LiteLLM charge transcriptions for the decoded length of the recording.

LiteLLM charges for the seconds that the provider reports, else for those in the header of the file, which its
sender writes, and for nothing where it cannot read the header (M4A, WebM).
"""

from __future__ import annotations

import functools

from litellm import main

from billing.proxy.litellm.patches import RECORDING_SECONDS, check_known
from billing.proxy.max_cost.recordings import measured_recording


def charge_decoded_seconds() -> None:
    """Puts the measured length in place of LiteLLM's. Raises RuntimeError if its function has changed."""
    by_header = main.calculate_request_duration
    check_known(RECORDING_SECONDS, by_header)

    @functools.wraps(by_header)
    def seconds_of(file: object) -> float | None:
        recording = measured_recording(file)
        if recording is not None:
            return recording.seconds
        seconds: float | None = by_header(file)
        return seconds

    main.calculate_request_duration = seconds_of

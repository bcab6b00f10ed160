"""The image's HEALTHCHECK: checks the gateway's readiness; exit code 0 if ready, else 1.

It does not use `/health`, which requires a key and calls every model, nor curl, which the image does not
have.
"""

from __future__ import annotations

import http.client
import os
import sys

WITHIN_S = 5.0
LOOPBACK = "127.0.0.1"


def main() -> int:
    """Checks once. A line on standard error explains a failure."""
    connection = http.client.HTTPConnection(LOOPBACK, int(os.environ.get("PORT", "4000")), timeout=WITHIN_S)
    try:
        connection.request("GET", "/health/readiness")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        sys.stderr.write(f"not ready: {error}\n")
        return 1
    if status != http.client.OK:
        sys.stderr.write(f"not ready: {status}\n")
    return int(status != http.client.OK)


if __name__ == "__main__":
    sys.exit(main())

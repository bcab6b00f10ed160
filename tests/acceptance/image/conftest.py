"""The image as the place where the gateway runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.image.image import Image, folder_of_image, open_image
from tests.acceptance.run.serve.conftest import deployment, running

__all__ = ["deployment", "running"]


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    """The built image."""
    with open_image(folder_of_image()) as image:
        yield image


@pytest.fixture(scope="module")
def place(image: Image) -> Image:
    """Where the gateway runs."""
    return image

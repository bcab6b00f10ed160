"""The customers of the calls' tests, for the pages too."""

from tests.acceptance.calls.conftest import admin, new_customer, running_url

__all__ = ["admin", "new_customer", "running_url"]

"""All mutants."""

from __future__ import annotations

from tests.mutation.books_mutants import BOOKS_MUTANTS
from tests.mutation.event_mutants import EVENT_MUTANTS
from tests.mutation.gateway_mutants import GATEWAY_MUTANTS
from tests.mutation.postgres_mutants import POSTGRES_MUTANTS

MUTANTS = [*POSTGRES_MUTANTS, *BOOKS_MUTANTS, *GATEWAY_MUTANTS, *EVENT_MUTANTS]

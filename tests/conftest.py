"""Fixtures that every test may ask for; they live in ``fixtures/``, which tests import types and helpers from."""

import os
from collections.abc import Iterator

import pytest

from fixtures.postgres import make_database, numbers, open_folder, postgres, templates

__all__ = ["make_database", "no_key", "numbers", "open_folder", "postgres", "templates"]


@pytest.fixture(autouse=True, scope="session")
def no_key() -> Iterator[None]:
    """No test, nor what it starts, meets the key and settings of the person who runs it: their credits are theirs."""
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("BET_INTEL_ODDS_API_")]:
            environment.delenv(name)
        yield

"""Fixtures that every test may ask for; they live in ``fixtures/``, which tests import types and helpers from."""

from fixtures.postgres import make_database, numbers, open_folder, postgres, templates

__all__ = ["make_database", "numbers", "open_folder", "postgres", "templates"]

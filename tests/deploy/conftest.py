"""Fixtures of the tests of the deployment's files."""

from fixtures.deploy_copy import copy
from fixtures.deploy_tools import tools
from fixtures.typed_pages import desk

__all__ = ["copy", "desk", "tools"]

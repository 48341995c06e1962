"""Fixtures of the tests of the deployment's files."""

from fixtures.deploy_copy import copy
from fixtures.deploy_tools import tools

__all__ = ["copy", "tools"]

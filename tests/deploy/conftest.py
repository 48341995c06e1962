"""Fixtures of the tests of the deployment's files."""

import os
from pathlib import Path

import pytest

from deploy.faults import TOOLS


@pytest.fixture(scope="session")
def tools() -> Path:
    """The tools are there; they are installed by `make check-deploy`, which CI has run before."""
    if not TOOLS.is_dir():
        if os.environ.get("CI"):
            pytest.fail("make check-deploy has not been run before")
        pytest.skip("the tools of deployment are not installed: scripts/deploy-tools")
    return TOOLS

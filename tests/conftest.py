"""Fixtures that every test may ask for; they live in ``fixtures/``, which tests import types and helpers from."""

import os
import signal
from collections.abc import Iterator

import hypothesis
import pytest
import structlog

import fixtures.servers
from fixtures.answers_summary import SUMMARY
from fixtures.postgres import make_database, numbers, open_folder, postgres, templates
from fixtures.replicas import group
from fixtures.servers import (
    alone,
    cluster_vhost,
    key_prefix,
    make_replicated_database,
    postgres_group,
    rabbitmq,
    rabbitmq_cluster,
    redis_cluster,
    redis_masters,
    servers,
    vhost,
)

__all__ = [
    "alone",
    "cluster_vhost",
    "group",
    "key_prefix",
    "make_database",
    "make_replicated_database",
    "no_key",
    "numbers",
    "open_folder",
    "postgres",
    "postgres_group",
    "rabbitmq",
    "rabbitmq_cluster",
    "redis_cluster",
    "redis_masters",
    "servers",
    "templates",
    "vhost",
]

# The same code gives the same verdict, however slow the machine. BET_INTEL_EXPLORE=1000 looks at so many examples of
# each property, others each time.
EXPLORE = int(os.environ.get("BET_INTEL_EXPLORE", "0"))
hypothesis.settings.register_profile(
    "bet-intel", deadline=None, derandomize=not EXPLORE, max_examples=EXPLORE or 100, print_blob=True
)
hypothesis.settings.load_profile("bet-intel")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    fixtures.servers.run_one_after_the_other(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    fixtures.servers.begin(session)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    lines = [str(text) for report in reports for name, text in report.user_properties if name == SUMMARY]
    if lines:
        terminalreporter.section("what was asked")
        terminalreporter.write("\n".join([*lines, ""]))


def pytest_configure() -> None:
    # Under nohup it is ignored, and so it would be in every process that a test starts.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_unconfigure(config: pytest.Config) -> None:
    fixtures.servers.end(config)


@pytest.fixture(autouse=True, scope="session")
def no_key() -> Iterator[None]:
    """No test, nor what it starts, meets the key and settings of the person who runs it: their credits are theirs."""
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("BET_INTEL_ODDS_API_")]:
            environment.delenv(name)
        yield


@pytest.fixture(autouse=True)
def own_log_settings() -> Iterator[None]:
    """What a test's commands set of logging is set for that test: others look for what is logged."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)

"""A check that cannot tell says why, in a line, and `make check-deploy` ends with 2."""

from pathlib import Path

import pytest

from deploy import __main__ as checks
from deploy import faults
from deploy.faults import Check


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("tail", "-f", "/dev/null"), "tail has not ended within 0.01 s"),
        (("no-such-tool",), "no-such-tool is not installed: scripts/deploy-tools"),
    ],
)
def test_what_a_check_needs_and_has_not_is_told_in_a_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.setattr(faults, "_SECONDS", 0.01)
    monkeypatch.setattr(checks, "CHECKS", (Check("tool", lambda _: faults.faults(*command)),))

    code = checks.main({"tool"}, tmp_path)

    assert capsys.readouterr().out.splitlines() == ["== tool", said]
    assert code == checks.CANNOT_TELL

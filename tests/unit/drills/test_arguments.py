"""What `make drills` is asked for."""

import pytest

from drills import __main__ as command


def test_a_drill_that_there_is_not_is_no_drill_within_its_bound(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["partition", "gatewya"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "gatewya" in said
    assert "--list" in said

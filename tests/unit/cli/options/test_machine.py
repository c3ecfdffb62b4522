from __future__ import annotations

import pytest

from batch_analogy.cli.options.machine import MachineOptions
from batch_analogy.config.run import ExecutionConfig
from batch_analogy.errors import ConfigError


def test_the_execution_is_checked() -> None:
    assert MachineOptions(workers=2, address="local").execution_config() == ExecutionConfig(
        workers=2
    )
    assert MachineOptions(address="none").execution_config().address == "none"
    with pytest.raises(ConfigError, match="workers is 0"):
        MachineOptions(workers=0).execution_config()


def test_only_given_options_change_a_resumed_run() -> None:
    assert MachineOptions().changes() == {}
    given = MachineOptions(address="local", stall_timeout=90.0, start_timeout=1200.0, max_failed=0)
    assert given.changes() == {
        "address": None,
        "stall_timeout_seconds": 90.0,
        "start_timeout_seconds": 1200.0,
        "max_failed": 0,
    }


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_rejects_a_timeout_that_is_not_positive(seconds: float) -> None:
    with pytest.raises(ConfigError, match=r"start time-out is .* above 0"):
        MachineOptions(start_timeout=seconds).execution_config()
    with pytest.raises(ConfigError, match=r"stall time-out is .* above 0"):
        MachineOptions(stall_timeout=seconds).execution_config()

"""What every end-to-end test starts from, and the command line within this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch_analogy.cli.app import main
from tests.support.command_line import Call, Ended, write_picture


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """A reference picture of another size than the frames."""
    return write_picture(tmp_path / "reference.png", 40, 70, 66)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run the command line in this process, which spares the seconds of importing PyTorch."""
    monkeypatch.setenv("COLUMNS", "200")

    def run_here(*arguments: str | Path) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        streams = capsys.readouterr()
        return Ended(int(ended.value.code or 0), streams.out, streams.err)

    return run_here

"""JSON files are read whole or refused by name."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from batch_analogy.errors import UsageError
from batch_analogy.json_files import read_json


def test_names_a_damaged_file_and_returns_none_for_a_missing_one(tmp_path: Path) -> None:
    assert read_json(tmp_path / "none.json") is None
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(UsageError, match=r"run\.json"):
        read_json(tmp_path / "run.json")


REWRITE = """
import sys
from pathlib import Path
from batch_analogy.json_files import write_json
for number in range(10**9):
    write_json(Path(sys.argv[1]), {"number": number, "filling": "x" * 5000})
"""


def test_a_file_is_whole_after_a_kill_at_any_moment(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    for _ in range(5):
        path.unlink(missing_ok=True)
        with subprocess.Popen([sys.executable, "-c", REWRITE, str(path)]) as writer:
            while not path.exists():
                assert writer.poll() is None
                time.sleep(0.001)
            time.sleep(0.02)
            writer.kill()
        value = read_json(path)
        assert value is not None
        assert len(value["filling"]) == 5000

"""JSON files: complete after a kill, and refused by name if damaged."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest

from batch_analogy.errors import PlanChangedError, UsageError
from batch_analogy.json_files import (
    decode_json,
    from_plain,
    json_decoder,
    read_json,
    read_struct,
    to_plain,
    write_long_json,
)


@dataclass(frozen=True)
class Part:
    rate: Fraction
    path: Path


class Whole(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: int = 3
    parts: tuple[Part, ...] = ()
    name: str = ""


WHOLE = Whole(parts=(Part(Fraction(24000, 1001), Path("/a b")),), name="caf\udce9")


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


def test_a_kill_at_any_moment_leaves_a_complete_file(tmp_path: Path) -> None:
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


def read(path: Path) -> Whole | None:
    decoder = json_decoder(Whole)
    return read_struct(path, lambda data: decode_json(data, decoder), version=3, remedy="mend it")


def test_fractions_paths_and_odd_names_survive(tmp_path: Path) -> None:
    path = tmp_path / "whole.json"
    assert read(path) is None
    write_long_json(path, msgspec.structs.asdict(WHOLE))
    assert read(path) == WHOLE
    assert from_plain(to_plain(WHOLE), Whole) == WHOLE
    assert to_plain(WHOLE)["parts"] == ({"rate": "24000/1001", "path": "/a b"},)


def test_writes_one_line_for_each_element(tmp_path: Path) -> None:
    def numbers() -> Iterator[int]:
        yield from (1, 2)

    path = tmp_path / "long.json"
    write_long_json(path, {"none": [], "some": numbers(), "text": "x", "nothing": iter(())})
    lines = path.read_text().splitlines()
    assert lines == ["{", ' "none": [],', ' "some": [', "  1,", "  2", " ],", ' "text": "x",',
                     ' "nothing": []', "}"]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": 1}, r"\$\.name"),
        ({"parts": [{"rate": "1/0", "path": "a"}]}, r"1/0 is not a number .*parts\[0\]\.rate"),
        ({"parts": [{"rate": "1", "path": "a", "more": 1}]}, r"unknown field .*parts\[0\]\.more"),
        ({"nmae": ""}, "unknown field `nmae`"),
    ],
)
def test_says_where_a_field_is_wrong(values: dict[str, Any], words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        from_plain(values, Whole)


@pytest.mark.parametrize(
    ("content", "refusal", "words"),
    [
        ('{"format": 2, "old": 1}', PlanChangedError, "another version.* format is 2, .* reads 3"),
        ('{"old": 1}', PlanChangedError, "its format is None"),
        ('{"format": 3, "old": 1}', UsageError, "object contains unknown field old; mend it"),
        ('{"format": 3,\n "name": }', UsageError, "cannot be read .*line 2.*mend it"),
        ("[" * 100_000, UsageError, "expected object, got array; mend it"),
        ("[]", UsageError, "expected object, got array; mend it"),
    ],
)
def test_refuses_other_versions_and_damage(
    tmp_path: Path, content: str, refusal: type[UsageError], words: str
) -> None:
    (tmp_path / "whole.json").write_text(content)
    with pytest.raises(refusal, match=words):
        read(tmp_path / "whole.json")

"""Claims on outputs, among real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch_analogy import output_claims
from batch_analogy.errors import OutputExistsError, RunLockedError
from batch_analogy.output_claims import MOST_CLAIMS, OutputClaims

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the claims are Linux's")

HOLD = """
import sys
from pathlib import Path
from batch_analogy.output_claims import OutputClaims
claims = OutputClaims()
claims.claim([Path(sys.argv[1])])
print("claimed", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has claimed ``film.mp4``."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "film.mp4")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "claimed\n"
        yield process
        process.kill()


def test_an_output_is_claimed_once_until_its_process_is_killed(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "link.mp4").symlink_to("film.mp4")
    named = ("film.mp4", "link/film.mp4", "link.mp4", "link/link/film.mp4")
    for path in (tmp_path / name for name in named):
        with OutputClaims() as claims, pytest.raises(RunLockedError, match=f"{holder.pid}.*making"):
            claims.claim([path])
    with OutputClaims() as claims:
        claims.claim([tmp_path / "other.mp4"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "link.mp4"]
    holder.kill()
    holder.wait()
    with OutputClaims() as claims:
        claims.claim([tmp_path / "film.mp4"])


def test_a_claim_takes_no_more_files_than_allowed_and_gives_them_back(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    paths = [tmp_path / f"{number}.png" for number in range(100)]
    with OutputClaims() as claims:
        claims.claim(paths)
        assert len(os.listdir("/proc/self/fd")) - before == MOST_CLAIMS
        paths[-1].write_bytes(b"x")
        with pytest.raises(OutputExistsError, match=r"99\.png"):
            claims.check_unchanged(paths[-1])
    assert len(os.listdir("/proc/self/fd")) == before


def test_an_output_that_is_named_twice_is_no_rival_of_itself(tmp_path: Path) -> None:
    with OutputClaims() as claims:
        claims.claim([tmp_path / "film.mp4", tmp_path / "film.mp4"])
        with pytest.raises(RunLockedError), OutputClaims() as others:
            others.claim([tmp_path / "film.mp4"])


@pytest.mark.parametrize("there", [None, b"before"])
def test_what_appeared_after_the_claim_is_left_alone(tmp_path: Path, there: bytes | None) -> None:
    film, unfinished = tmp_path / "film.mp4", tmp_path / "unfinished"
    if there is not None:
        film.write_bytes(there)
    unfinished.write_bytes(b"mine")
    with OutputClaims() as claims:
        claims.claim([film])
        film.write_bytes(b"another's")
        with pytest.raises(OutputExistsError, match="something else"):
            claims.place(unfinished, film)
    assert film.read_bytes() == b"another's"


@pytest.mark.parametrize("there", [None, b"before"])
def test_an_output_is_placed_where_nothing_changed(tmp_path: Path, there: bytes | None) -> None:
    film, unfinished = tmp_path / "film.mp4", tmp_path / "unfinished"
    if there is not None:
        film.write_bytes(there)
    with OutputClaims() as claims:
        claims.claim([film])
        for content in (b"first", b"second"):
            unfinished.write_bytes(content)
            claims.place(unfinished, film)
    assert film.read_bytes() == b"second"
    assert not unfinished.exists()


@pytest.mark.parametrize("there", [None, b"before"])
def test_an_output_that_is_a_link_is_written_where_it_leads(
    tmp_path: Path, there: bytes | None
) -> None:
    (tmp_path / "big").mkdir()
    film, target = tmp_path / "film.mp4", tmp_path / "big" / "film.mp4"
    film.symlink_to(target)
    if there is not None:
        target.write_bytes(there)
    unfinished = tmp_path / "unfinished"
    unfinished.write_bytes(b"mine")
    with OutputClaims() as claims:
        claims.claim([film])
        claims.place(unfinished, film)
    assert film.is_symlink()
    assert target.read_bytes() == b"mine"
    assert not unfinished.exists()


def test_each_of_many_commands_is_told_who_makes_an_output(
    tmp_path: Path, holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_claims, "PATIENCE_SECONDS", 0.1)
    for _ in range(4):
        with OutputClaims() as claims, pytest.raises(RunLockedError, match=f"{holder.pid}.*making"):
            claims.claim([tmp_path / "film.mp4"])

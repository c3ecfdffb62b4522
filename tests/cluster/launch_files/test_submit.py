"""submit.sbatch on simulated machines: real Ray, real run, fake srun and scontrol."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from batch_analogy.media.stills import write_png
from tests.cluster.launch_files.cluster_files import CLUSTER, OnMachines
from tests.support.runs import picture, write_frames

SUBMIT = CLUSTER / "slurm" / "submit.sbatch"
FILM = ("timelapse", "reference.png", "in", "--output", "film.mp4", "--quality", "draft")
FILM += ("--temporal", "off")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    write_frames(tmp_path / "in", 3)
    write_png(tmp_path / "reference.png", picture(40, 70, 66))
    return tmp_path


def done_frames(run: Path) -> list[str]:
    """Return the names of the frames that are done by the journal of a run."""
    entries = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    return [entry["name"] for entry in entries if entry["event"] == "done"]


def submit(
    on_machines: OnMachines, machines: int, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run submit.sbatch as the batch step of a job on several machines."""
    return on_machines(
        machines,
        "bash",
        str(SUBMIT),
        *arguments,
        SLURM_JOB_NODELIST="machine[1-2]",
        SLURM_JOB_NUM_NODES=str(machines),
        RAY_gcs_rpc_server_reconnect_timeout_s="2",  # how soon workers see that the head is gone
        **variables,
    )


def test_one_machine_finishes_a_run_begun_on_two(on_machines: OnMachines, pictures: Path) -> None:
    run = pictures / "film.run"
    spoiled = pictures / "in" / "img1.png"
    good = spoiled.read_bytes()
    spoiled.write_bytes(b"no picture")
    began = submit(on_machines, 2, str(run), *FILM)
    assert began.returncode == 3, began.stderr
    assert "starting 2 workers on Ray" in began.stderr  # each machine has one core to give
    assert "submit the same line to go on" in began.stderr
    assert sorted(done_frames(run)) == ["img0.png", "img2.png"]
    token = (pictures / "home" / ".ray" / "auth_token").read_text()
    assert token.strip()  # made once, for all machines

    spoiled.write_bytes(good)
    ended = submit(on_machines, 1, str(run), "retry", "--failed")
    assert ended.returncode == 0, ended.stderr
    assert f"{run} is finished" in ended.stdout
    assert (pictures / "film.mp4").stat().st_size > 0
    assert [path for path in pictures.iterdir() if "slurm" in path.name] == []
    assert (pictures / "home" / ".ray" / "auth_token").read_text() == token


def test_a_ray_that_does_not_start_fails_the_job(on_machines: OnMachines, pictures: Path) -> None:
    """Ray's symmetric-run itself exits with 0 then."""
    occupy = (
        "import socket, sys, subprocess; s = socket.create_server(('0.0.0.0', 6379));"
        "sys.exit(subprocess.call(sys.argv[1:]))"
    )
    srun = pictures / "bin" / "srun"
    srun.rename(pictures / "bin" / "real-srun")
    srun.write_text(
        "#!/usr/bin/env bash\n"
        "while [[ $1 == --* ]]; do shift; done\n"
        f'exec real-srun python3 -c "{occupy}" "$@"\n'
    )
    srun.chmod(0o755)
    ended = submit(on_machines, 1, str(pictures / "film.run"), *FILM)
    assert "Failed to start Ray" in ended.stderr  # else this tests nothing
    assert ended.returncode == 4, ended.stderr
    assert "submit.sbatch: Ray did not start (srun: 0), nothing was done" in ended.stderr
    assert not (pictures / "film.run").exists()


@pytest.mark.parametrize(
    ("arguments", "job", "says"),
    [
        ((), "77", "give the run folder and a command"),
        (("film.run",), "77", "give the run folder and a command"),
        (("film.run", *FILM), "", "submit it with sbatch"),
    ],
)
def test_wrong_usage_ends_with_2(
    environment: dict[str, str], arguments: tuple[str, ...], job: str, says: str
) -> None:
    ended = subprocess.run(
        ["bash", str(SUBMIT), *arguments],
        env={**environment, "SLURM_JOB_ID": job},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert says in ended.stderr

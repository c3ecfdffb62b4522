"""Files of the cluster launcher: Ray's own validator, and rules that it does not check."""

from __future__ import annotations

import copy
import importlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

from batch_analogy.cli.app import main
from batch_analogy.media.stills import write_png
from tests.cluster.launch_files.cluster_files import LAUNCHER_FILES, OnMachines, read_yaml
from tests.support.runs import frame_bytes, picture, write_frames

COMMANDS = (
    "setup_commands",
    "head_setup_commands",
    "worker_setup_commands",
    "head_start_ray_commands",
    "worker_start_ray_commands",
)
CLOUDS = [path for path in LAUNCHER_FILES if path.stem != "local"]
by_name = pytest.mark.parametrize("path", LAUNCHER_FILES, ids=lambda path: path.name)
by_cloud = pytest.mark.parametrize("path", CLOUDS, ids=lambda path: path.name)


def validated(config: dict[str, Any]) -> dict[str, Any]:
    """Validate a config, and return it with Ray's defaults filled in.

    Raises:
        Exception: of whatever kind Ray's validator gives for what it does not accept.
    """
    try:
        launcher = importlib.import_module("ray.autoscaler._private.util")
        prepare, validate = launcher.prepare_config, launcher.validate_config
    except (ImportError, AttributeError) as error:
        pytest.skip(f"this Ray's launcher has its private validator elsewhere: {error}")
    prepared: dict[str, Any] = prepare(copy.deepcopy(config))
    validate(prepared)
    return prepared


@by_name
def test_ray_accepts_the_file(path: Path) -> None:
    prepared = validated(read_yaml(path))
    assert prepared["cluster_name"] == "batch-analogy"
    assert prepared["max_workers"] >= 1


@by_name
@pytest.mark.parametrize("typo", ["idle_timeout_minuts", "setup_comands"])
def test_ray_refuses_a_typo(path: Path, typo: str) -> None:
    config = {**read_yaml(path), typo: 5}
    with pytest.raises(Exception, match=typo):
        validated(config)


@by_cloud
def test_ray_refuses_a_typo_in_a_node_type(path: Path) -> None:
    config = read_yaml(path)
    config["available_node_types"]["worker"]["min_wrokers"] = 0
    with pytest.raises(Exception, match="min_wrokers"):
        validated(config)


@by_cloud
def test_the_head_takes_no_work_and_workers_scale(path: Path) -> None:
    config = read_yaml(path)
    head, worker = (config["available_node_types"][name] for name in ("head", "worker"))
    assert config["head_node_type"] == "head"
    assert head["resources"] == {"CPU": 0, "GPU": 0}
    assert head["max_workers"] == 0
    assert worker["min_workers"] == 0
    assert worker["resources"]["GPU"] == 1
    assert config["idle_timeout_minutes"] > 0


def test_a_local_head_takes_no_work() -> None:
    """Ray ignores resources in the file of a local cluster, so the start command sets them."""
    (config,) = (read_yaml(path) for path in LAUNCHER_FILES if path.stem == "local")
    assert "--num-cpus=0 --num-gpus=0" in config["head_start_ray_commands"][-1]
    node_type = validated(config)["available_node_types"]["local.cluster.node"]
    workers = len(config["provider"]["worker_ips"])
    assert (node_type["min_workers"], node_type["max_workers"]) == (workers, workers)


@by_name
def test_workers_join_the_head_where_it_listens(path: Path) -> None:
    config = read_yaml(path)
    head, worker = (config[f"{who}_start_ray_commands"][-1] for who in ("head", "worker"))
    assert "--port=6379" in head
    assert "--address=$RAY_HEAD_IP:6379" in worker
    assert "--autoscaling-config=~/ray_bootstrap_config.yaml" in head
    assert "--dashboard-host=127.0.0.1" in head  # only through ssh
    for command in (head, worker):
        assert "--object-manager-port=8076" in command
        assert "--metrics-export-port=8080" in command


@by_name
def test_package_and_token_come_from_the_submitting_machine(path: Path) -> None:
    config = read_yaml(path)
    assert config["file_mounts"] == {
        "~/batch-analogy": ".",
        "~/.ray/auth_token": "~/.ray/auth_token",
    }
    setup = config["setup_commands"]
    assert "~/venv/bin/pip install -q -c ~/batch-analogy/constraints.txt ~/batch-analogy" in setup
    assert any("RAY_AUTH_MODE=token" in command for command in setup)
    assert any("/shared" in command for command in setup)


@by_name
def test_bash_can_parse_every_command(path: Path) -> None:
    config = read_yaml(path)
    for kind in COMMANDS:
        for command in config.get(kind, []):
            ended = subprocess.run(
                ["bash", "-n", "-c", command], capture_output=True, text=True, check=False
            )
            assert ended.returncode == 0, f"{kind}: {command}: {ended.stderr}"


START = r"""
set -e
ray get-auth-token --generate >/dev/null
read -r head worker <<<"$MACHINES"
on() { nsenter --target "$1" --net --pid --mount --wd="$PWD" -- "${@:2}"; }
on "$head" bash head >&2
on "$worker" bash worker >&2
on "$head" ray job submit --address http://127.0.0.1:8265 -- \
  batch-analogy timelapse "$PWD/reference.png" "$PWD/in" --output "$PWD/film.mp4" \
  --quality draft --address auto --workers 1
"""


def test_the_start_commands_start_a_working_cluster(
    on_machines: OnMachines, tmp_path: Path
) -> None:
    """Run the commands of local.yaml on two simulated machines, with Ray's token.

    The job must make the same film as the command in this process.
    """
    (config,) = (read_yaml(path) for path in LAUNCHER_FILES if path.stem == "local")
    head, worker = (config[f"{who}_start_ray_commands"][-1] for who in ("head", "worker"))
    without_autoscaler = head.replace("--autoscaling-config=~/ray_bootstrap_config.yaml", "")
    for name, command in (("head", without_autoscaler), ("worker", worker)):
        (tmp_path / name).write_text(f"export RAY_HEAD_IP=10.99.0.1\n{command}\n")
    (tmp_path / "start").write_text(START)
    write_frames(tmp_path / "in", 2)
    write_png(tmp_path / "reference.png", picture(40, 70, 66))

    ended = on_machines(2, "bash", "start", RAY_AUTH_MODE="token", RAY_USAGE_STATS_ENABLED="0")
    assert ended.returncode == 0, ended.stderr + ended.stdout
    assert "styler-0 is ready on 10.99.0.2" in ended.stdout  # the head does no frames
    here = [tmp_path / "reference.png", tmp_path / "in", "--output", tmp_path / "here.mp4"]
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["timelapse", *map(str, here), "--quality", "draft", "--address", "none"])
    assert len(frame_bytes(tmp_path / "film.run")) == 2
    assert frame_bytes(tmp_path / "film.run") == frame_bytes(tmp_path / "here.run")
    assert (tmp_path / "film.mp4").read_bytes() == (tmp_path / "here.mp4").read_bytes()

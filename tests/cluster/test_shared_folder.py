"""A cluster node that does not see the shared folder, simulated by a mount namespace."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from batch_analogy.errors import ClusterError
from batch_analogy.jobs.drive.open_run import open_run
from tests.support.processes.clusters import cluster_of, journal_lines
from tests.support.processes.paced import PATIENCE_SECONDS
from tests.support.runs import on_ray

BLIND = """
mount -t tmpfs tmpfs "$1" || exit 99
exec "$2" -m ray.scripts.scripts start --address="$3" --num-cpus=1 --num-gpus=0 --block
"""


@contextlib.contextmanager
def blind_node(address: str, hidden: Path, messages: Path) -> Iterator[None]:
    """Start a node that sees an empty disk in place of a folder."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("needs unshare to mount a disk of its own")
    words = [unshare, "-rm", "sh", "-c", BLIND, "sh", str(hidden), sys.executable, address]
    with messages.open("wb") as output:
        node = subprocess.Popen(words, stdout=output, stderr=output, start_new_session=True)
    try:
        ray.init(address=address, log_to_driver=False)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while ray.cluster_resources().get("CPU", 0) < 1:
            code = node.poll()
            if code == 99 or (code is not None and "unshare:" in messages.read_text()):
                pytest.skip(f"this user may not mount a disk: {messages.read_text().strip()}")
            assert code is None, messages.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        ray.shutdown()
        yield
    finally:
        ray.shutdown()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(node.pid, signal.SIGTERM)
        node.wait(PATIENCE_SECONDS)


def test_reports_a_machine_without_the_shared_folder_before_the_first_frame(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    with cluster_of() as cluster, blind_node(cluster.address, shared, tmp_path / "messages"):
        config = on_ray(shared, 2, workers=1, address=cluster.address)
        said = rf"could be started: .*does not see the run folder {config.run_dir};.*same path"
        with pytest.raises(ClusterError, match=said):
            open_run(config).execute()
    assert journal_lines(config.run_dir, "worker_lost")[0]["cause"] == "broke"
    assert not journal_lines(config.run_dir, "done")

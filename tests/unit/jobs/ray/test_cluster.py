"""Addresses at which something is, but no Ray: said at once, where Ray itself waits for minutes."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from batch_analogy.errors import ClusterError
from batch_analogy.jobs.ray import cluster


@contextlib.contextmanager
def listening(answer: bytes | None) -> Iterator[str]:
    """The address of something that gives everybody this answer; None: it only listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while answer is not None:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(64)
                        connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "does not answer as Ray does"),
        (b"", "does not answer as Ray does"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "what answers there is not Ray"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "what answers there is not Ray"),
    ],
)
def test_what_is_no_ray_is_said_so(
    answer: bytes | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.5 if answer is None else 60.0)
    with (
        listening(answer) as address,
        pytest.raises(ClusterError, match=rf"no Ray at {address}: .*{said}.*--address none"),
    ):
        cluster.join(address)


class _Starts:
    """Stands for ``ray.init``: comes up late some times, and then as it should."""

    dashboard_url = "127.0.0.1:8265"

    def __init__(self, late: int, said: str = "The current node timed out during startup.") -> None:
        self.late, self.said = late, said
        self.dashboards: list[object] = []  # whether there was to be one, try by try

    def __call__(self, *, include_dashboard: object, **options: object) -> _Starts:
        self.dashboards.append(include_dashboard)
        if len(self.dashboards) > self.late:
            return self
        raise Exception(self.said)


@pytest.mark.parametrize(
    "said", ["The current node timed out during startup.", "Failed to start a dashboard."]
)
def test_what_is_slow_to_start_is_started_once_more(
    monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    starts = _Starts(late=1, said=said)
    monkeypatch.setattr("ray.init", starts)
    assert cluster.start_local(1) == "http://127.0.0.1:8265"
    assert starts.dashboards == [True, None], "a run needs none"


def test_doctor_is_as_patient_as_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    starts = _Starts(late=1)
    monkeypatch.setattr("ray.init", starts)
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 3.0})
    assert "with 3 CPU and 0 GPU, dashboard at http://127.0.0.1:8265" in cluster.try_ray()
    assert len(starts.dashboards) == 2


def test_a_node_that_does_not_start_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    starts = _Starts(late=9)
    monkeypatch.setattr("ray.init", starts)
    with pytest.raises(ClusterError, match=r"no Ray on this machine: .*timed out during startup"):
        cluster.start_local(1)
    assert len(starts.dashboards) == 2


def test_an_error_of_our_own_is_not_taken_for_a_cluster_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ray.init", lambda: None)
    with pytest.raises(TypeError):
        cluster.start_local(1)

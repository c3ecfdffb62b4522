"""Joining and starting Ray: addresses without Ray are reported at once, slow starts repeated."""

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
    """Yield the address of a server that gives every client this answer; None: it only listens."""
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
        (b"SSH-2.0-OpenSSH_9.6\r\n", "the server that answers there is not Ray"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "the server that answers there is not Ray"),
    ],
)
def test_reports_a_server_that_is_not_ray(
    answer: bytes | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.5 if answer is None else 60.0)
    with (
        listening(answer) as address,
        pytest.raises(ClusterError, match=rf"no Ray at {address}: .*{said}.*--address none"),
    ):
        cluster.join(address)


class _Starts:
    """Stand-in for ``ray.init``: times out a few times, then starts."""

    dashboard_url = "127.0.0.1:8265"

    def __init__(self, late: int, said: str = "The current node timed out during startup.") -> None:
        self.late, self.said = late, said
        self.dashboards: list[object] = []  # the argument of each call

    def __call__(self, *, include_dashboard: object, **options: object) -> _Starts:
        self.dashboards.append(include_dashboard)
        if len(self.dashboards) > self.late:
            return self
        raise Exception(self.said)


@pytest.mark.parametrize(
    "said", ["The current node timed out during startup.", "Failed to start a dashboard."]
)
def test_starts_once_more_after_a_time_out(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    starts = _Starts(late=1, said=said)
    monkeypatch.setattr("ray.init", starts)
    assert cluster.start_local(1) == "http://127.0.0.1:8265"
    assert starts.dashboards == [True, None], "the second try must not insist on a dashboard"


def test_doctor_starts_once_more_too(monkeypatch: pytest.MonkeyPatch) -> None:
    starts = _Starts(late=1)
    monkeypatch.setattr("ray.init", starts)
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 3.0})
    assert "with 3 CPU and 0 GPU, dashboard at http://127.0.0.1:8265" in cluster.try_ray()
    assert len(starts.dashboards) == 2


def test_reports_a_second_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    starts = _Starts(late=9)
    monkeypatch.setattr("ray.init", starts)
    with pytest.raises(ClusterError, match=r"no Ray on this machine: .*timed out during startup"):
        cluster.start_local(1)
    assert len(starts.dashboards) == 2


def test_does_not_report_a_programming_error_as_a_missing_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ray.init", lambda: None)
    with pytest.raises(TypeError):
        cluster.start_local(1)

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
    monkeypatch.setattr(cluster, "KNOCK_SECONDS", 0.5 if answer is None else 60.0)
    with (
        listening(answer) as address,
        pytest.raises(ClusterError, match=rf"no Ray at {address}: .*{said}.*--address none"),
    ):
        cluster.join(address)

"""Notifications: a real server and real commands receive them."""

from __future__ import annotations

import json
import shlex
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from batch_analogy.api import RunResult
from batch_analogy.cli import notification
from batch_analogy.cli.console import Console
from batch_analogy.cli.notification import Notification, UnsentError, check_target, send
from batch_analogy.cli.notifier import Notifier
from batch_analogy.errors import InputError, UsageError
from batch_analogy.jobs import events

ENDED = Notification(event="finished", text='it\'s "done" ✓', run_dir="/a b/night.run", done=2)


class Inbox:
    """What a server received, and what it answers."""

    def __init__(self, *answers: int) -> None:
        self.received: list[dict[str, Any]] = []
        self.answers = list(answers)

    @contextmanager
    def listening(self) -> Iterator[str]:
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                inbox.received.append(json.loads(body))
                self.send_response(inbox.answers.pop(0) if inbox.answers else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/secret"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notification, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def done_frame(done: int) -> events.FrameDone:
    return events.FrameDone(done, f"f{done}", "w", 1.0, done, 0, 9, None, None)


def result(done: int, total: int, *, interrupted: bool = False) -> RunResult:
    failed = [(k, f"f{k}", "damaged") for k in range(done, total)]
    films = [Path("/x/night.mp4")] if done else []
    return RunResult(total, done, failed, films, interrupted, 12.0)


def test_an_address_gets_json() -> None:
    inbox = Inbox()
    with inbox.listening() as address:
        send(address, ENDED)
    (got,) = inbox.received
    assert (got["event"], got["done"], got["run_dir"]) == ("finished", 2, "/a b/night.run")
    assert got["text"] == got["content"] == ENDED.text


def test_a_busy_address_is_asked_again_and_a_wrong_one_is_not() -> None:
    inbox = Inbox(503, 200)
    with inbox.listening() as address:
        send(address, ENDED)
        assert len(inbox.received) == 2
        inbox.answers = [404]
        with pytest.raises(UnsentError, match=r"127\.0\.0\.1 answered 404") as caught:
            send(address, ENDED)
        assert "secret" not in str(caught.value)
        assert len(inbox.received) == 3
    with pytest.raises(UnsentError, match="did not answer"):
        send(address, ENDED)  # nobody listens any more


def test_a_command_gets_environment_and_json(tmp_path: Path) -> None:
    send(f'cat > "{tmp_path}/in"; printf "%s" "$BATCH_ANALOGY_TEXT" > "{tmp_path}/text"', ENDED)
    assert (tmp_path / "text").read_text() == ENDED.text
    assert json.loads((tmp_path / "in").read_text())["event"] == "finished"
    with pytest.raises(UnsentError, match="ended with 3: no way"):
        send("echo no way >&2; exit 3", ENDED)


def test_a_command_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notification, "COMMAND_SECONDS", 0.2)
    with pytest.raises(UnsentError, match="took longer"):
        send("exec sleep 60", ENDED)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("", "is empty"),
        ("https://", "is no address"),
        ("http://host:port/", "is no address"),
        ("https://a b", "is no address"),
        ("ftp://host/x", "must begin with http"),
        ("no-such-program-here --now", "there is no command no-such-program-here"),
    ],
)
def test_refuses_targets_that_cannot_work(target: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check_target(target)


@pytest.mark.parametrize(
    "command", ["echo x", "/bin/echo x", 'X=x; echo "$X" | cat', "[ -e / ] && echo x"]
)
def test_accepts_commands_of_a_shell_and_runs_them(command: str, tmp_path: Path) -> None:
    target = f"{command} > {shlex.quote(str(tmp_path / 'told.txt'))}"
    check_target(target)
    send(target, ENDED)
    assert (tmp_path / "told.txt").read_text() == "x\n"


@pytest.mark.parametrize(
    ("ended", "event", "words"),
    [
        (result(4, 4), "finished", "night.run is finished: 4 of 4 frames done in 12 s"),
        (result(3, 4), "partial", "lacks frames: 3 of 4"),
        (result(0, 4), "failed", "no frame could be made"),
        (result(2, 4, interrupted=True), "interrupted", "was interrupted: 2 of 4"),
    ],
)
def test_tells_how_a_run_ended(ended: RunResult, event: str, words: str, tmp_path: Path) -> None:
    inbox = Inbox()
    with (
        inbox.listening() as address,
        Notifier(address, Console(), tmp_path / "night.run", None) as notifier,
    ):
        notifier.tell_result(ended, "12 s")
    (got,) = inbox.received
    assert got["event"] == event
    assert words in got["text"]
    assert (got["done"], got["total"]) == (ended.done, ended.total)


def test_tells_an_error_and_an_interruption_once(tmp_path: Path) -> None:
    for error, event in ((InputError("it is damaged"), "failed"), (KeyboardInterrupt(), "inter")):
        inbox = Inbox()
        with (
            inbox.listening() as address,
            pytest.raises(type(error)),
            Notifier(address, Console(), tmp_path, None),
        ):
            raise error
        (got,) = inbox.received
        assert got["event"].startswith(event)
        assert str(error) in got["text"]


def wait_for(inbox: Inbox, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(inbox.received) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [one["event"] for one in inbox.received] == ["stalled"] * count


def test_a_run_in_which_nothing_happens_has_stalled_once_until_it_goes_on(tmp_path: Path) -> None:
    inbox = Inbox()
    with (
        inbox.listening() as address,
        Notifier(address, Console(), tmp_path, 0.2) as notifier,
    ):
        wait_for(inbox, 1)
        time.sleep(0.6)
        wait_for(inbox, 1)
        notifier.heard(done_frame(1))
        wait_for(inbox, 2)
        assert inbox.received[1]["done"] == 1
    assert len(inbox.received) == 2


def test_a_worker_that_was_silent_is_told(tmp_path: Path) -> None:
    inbox = Inbox()
    lost = events.WorkerLost("styler-1", "silent for 600 s", 1, "styler-2", "stalled")
    died = events.WorkerLost("styler-1", "killed", 1, "styler-2")
    with inbox.listening() as address, Notifier(address, Console(), tmp_path, None) as notifier:
        notifier.heard(died)
        assert inbox.received == []
        notifier.heard(lost)
        notifier.heard(lost)
    (got,) = inbox.received
    assert "styler-1 was lost (silent for 600 s)" in got["text"]


def test_what_cannot_be_sent_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Notifier("exit 7", Console(), tmp_path, None) as notifier:
        notifier.tell_result(result(1, 1), "1 s")
    assert "WARNING: no notification of 'finished' was sent" in capsys.readouterr().err

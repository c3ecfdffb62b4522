"""Films of which nothing may be missing although nodes and workers are killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.cluster_runs import (
    ON_CPU,
    Command,
    Sizes,
    Source,
    Trial,
    cluster_of,
    count_once,
    digests,
    done_indices,
    film_frames,
    journal_of,
    kill_node,
    make_source,
    summary,
    worker_pid,
)


def kills(folder: Path, sizes: Sizes) -> dict[str, Any]:
    """All processes of one of two nodes are killed at a random moment."""
    source = make_source(folder, sizes.kill_frames, sizes.kill_side)
    with cluster_of(2) as (cluster, _):
        words = ["--address", cluster.address, "--workers", "2", *ON_CPU]
        calm = Command(source, folder / "undisturbed.mp4", *words).wait()
    chance = random.Random(sizes.seed)
    expected = digests(calm.film)
    found = []
    for run in range(sizes.kill_runs):
        share, victim = chance.uniform(0.0, 0.8), chance.randrange(2)
        film = folder / f"killed{run}.mp4"
        found.append(kill_one_node(source, film, share * calm.work_seconds(), victim, expected))
    passed = sum(one["passed"] for one in found)
    return {
        "asked": "all of them, of five",
        "passed": passed,
        "of": len(found),
        "met": passed == len(found),
        "seed": sizes.seed,
        "frames": source.count,
        "undisturbed": summary([calm]),
        "runs": found,
    }


def kill_one_node(
    source: Source, film: Path, delay: float, victim: int, expected: dict[str, str]
) -> dict[str, Any]:
    """A run on two nodes, one of which is killed so many seconds after the first frame is done."""
    with cluster_of(2) as (cluster, nodes):
        words = ["--address", cluster.address, "--workers", "2", *ON_CPU]
        with Command(source, film, *words) as command:
            command.wait_for_done(1)
            time.sleep(delay)
            before = len(done_indices(journal_of(command.run_dir)))
            running = not command.ended
            processes = kill_node(cluster, nodes[victim])
            trial = command.wait((0, 1, 3, 4))
    journal = journal_of(trial.run_dir)
    frames = count_once(journal, range(source.count))
    same = digests(film) == expected if film.exists() else False
    whole = frames["once"] == source.count and film_frames(film) == source.count
    return {
        "passed": running and before < source.count and trial.exit_code == 0 and whole and same,
        "killed_after_seconds": round(delay, 2),
        "node": victim,
        "processes_killed": len(processes),
        "workers_killed": [
            log.stem
            for log in sorted((trial.run_dir / "logs").glob("*.jsonl"))
            if worker_pid(trial.run_dir, log.stem) in processes
        ],
        "frames_done_at_the_kill": before,
        "workers_lost": [line["cause"] for line in journal if line["event"] == "worker_lost"],
        "exit_code": trial.exit_code,
        "frames": frames,
        "film_frames": film_frames(film),
        "same_bytes": same,
        "seconds": round(trial.total_seconds, 2),
    }


def corrupt(folder: Path, sizes: Sizes) -> dict[str, Any]:
    """A film with corrupt frames, during which workers are killed."""
    found, parts = [], sizes.corrupt_kills + 1
    for run in range(sizes.runs):
        chance = random.Random(sizes.seed + run)
        inner = folder / f"run{run}"
        source = make_source(inner, sizes.corrupt_frames, sizes.corrupt_side)
        bad = spoil(source, chance, sizes.corrupted)
        with Command(source, inner / "film.mp4", "--workers", "2", *ON_CPU) as command:
            killed: list[dict[str, Any]] = []
            for k in range(sizes.corrupt_kills):
                after = round(source.count * (k + chance.random()) / parts)
                killed.append(kill_worker(command, after, [one["worker"] for one in killed]))
            trial = command.wait((0, 1, 3, 4))
        found.append(judge_corrupt(source, trial, bad, killed))
    passed = sum(one["passed"] for one in found)
    return {
        "asked": f"{sizes.corrupt_frames - sizes.corrupted} frames, {sizes.corrupted} recorded "
        "failures, exit 3",
        "passed": passed,
        "of": len(found),
        "met": passed == len(found),
        "seed": sizes.seed,
        "runs": found,
    }


def spoil(source: Source, chance: random.Random, count: int) -> list[int]:
    """Corrupt so many frames, each in another way; returns their indices."""
    bad = sorted(chance.sample(range(source.count), count))
    for way, index in enumerate(bad):
        path = source.frames / f"img{index + 1}.png"
        data = bytearray(path.read_bytes())
        if way % 4 == 0:
            path.write_bytes(data[: len(data) // 2])  # cut in the middle
        elif way % 4 == 1:
            middle = len(data) // 2
            data[middle : middle + 8] = bytes(255 - byte for byte in data[middle : middle + 8])
            path.write_bytes(data)
        elif way % 4 == 2:
            path.write_bytes(b"")
        else:
            path.write_text("no picture at all\n")
    return bad


def kill_worker(command: Command, after: int, killed: Sequence[str]) -> dict[str, Any]:
    """Kill the worker that has just done a frame, once so many are journaled.

    A worker that was killed before does not count, though its last frame may be the latest.
    """
    while True:
        lines = command.wait_for_done(max(1, after))
        done = [line for line in lines if line["event"] == "done"]
        worker = done[-1]["worker"] if done else None
        if worker is None or command.ended:
            return {"worker": worker, "frames_done": len(done), "was_alive": False}
        if worker not in killed:
            os.kill(worker_pid(command.run_dir, worker), signal.SIGKILL)
            return {"worker": worker, "frames_done": len(done), "was_alive": True}
        after = len(done) + 1


def judge_corrupt(
    source: Source, trial: Trial, bad: Sequence[int], killed: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    good = [index for index in range(source.count) if index not in bad]
    words = [sys.executable, "-m", "batch_analogy", "status", str(trial.run_dir), "--json"]
    told = subprocess.run(words, check=True, capture_output=True)
    failures = json.loads(told.stdout)["status"]["failed"]
    frames = count_once(journal_of(trial.run_dir), good)
    pictures = len(list((trial.run_dir / "frames" / "a_prime").glob("[0-9]*.png")))
    recorded = sorted(failure["index"] for failure in failures)
    lost = sum(line["event"] == "worker_lost" for line in journal_of(trial.run_dir))
    right = trial.exit_code == 3 and recorded == list(bad) and pictures == len(good)
    kills_hit = lost >= len(killed) and all(kill["was_alive"] for kill in killed)
    return {
        "passed": right and kills_hit and frames["once"] == len(good),
        "exit_code": trial.exit_code,
        "pictures": pictures,
        "corrupted": list(bad),
        "recorded_failures": recorded,
        "messages": [failure["message"].replace(str(source.frames), "…") for failure in failures],
        "frames": frames,
        "film_frames": film_frames(trial.film),
        "workers_killed": list(killed),
        "workers_lost": lost,
        "seconds": round(trial.total_seconds, 2),
    }

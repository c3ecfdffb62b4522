"""Sections of ``benchmarks.cluster`` that kill nodes and workers while films are made."""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.cluster_runs import (
    MODES,
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
    """Kill all processes of one of two nodes at a random moment, in both kinds of film."""
    source = make_source(folder, sizes.kill_frames, sizes.kill_side)
    chance = random.Random(sizes.seed)
    found: dict[str, Any] = {"asked": "all of five", "seed": sizes.seed, "frames": source.count}
    for mode, words in MODES.items():
        calm = run_on_two_nodes(source, folder / f"{mode}.mp4", words)
        runs = []
        for run in range(sizes.kill_runs):
            film = folder / f"{mode}{run}.mp4"
            done, victim = chance.uniform(1.0, 0.8 * source.count), chance.randrange(2)
            killing = Killing(int(done), done % 1 * seconds_of_a_frame(calm), victim)
            trial = run_on_two_nodes(source, film, words, killing)
            runs.append(judge_kill(source, trial, killing, digests(calm.film)))
        passed = sum(one["passed"] for one in runs)
        found[mode] = {
            "passed": passed,
            "of": len(runs),
            "met": passed == len(runs),
            "undisturbed": summary([calm]),
            "runs": runs,
        }
    return found


@dataclass
class Killing:
    """Moment and target of a kill, and its observed effects."""

    after_frames: int  # journaled as done
    and_seconds: float
    node: int
    frames_done: int = 0
    processes: list[int] = field(default_factory=list)
    half_way: bool = False


def seconds_of_a_frame(trial: Trial) -> float:
    """Return the median seconds of a frame."""
    return statistics.median(frame.ended - frame.started for frame in trial.frames())


def run_on_two_nodes(
    source: Source, film: Path, mode: tuple[str, ...], killing: Killing | None = None
) -> Trial:
    """Make a film on two one-core nodes, kill one of them if asked, and note the outcome."""
    with cluster_of(2) as (cluster, nodes):
        words = ["--address", cluster.address, "--workers", "2", *ON_CPU, *mode]
        with Command(source, film, *words) as command:
            if killing is None:
                return command.wait()
            command.wait_for_done(killing.after_frames)
            time.sleep(killing.and_seconds)
            killing.frames_done = len(done_indices(journal_of(command.run_dir)))
            killing.half_way = killing.frames_done < source.count and not command.ended
            killing.processes = kill_node(cluster, nodes[killing.node])
            return command.wait((0, 1, 3, 4))


def judge_kill(
    source: Source, trial: Trial, killing: Killing, expected: dict[str, str]
) -> dict[str, Any]:
    """Check that every frame was made exactly once with the expected bytes; return the facts."""
    journal = journal_of(trial.run_dir)
    frames = count_once(journal, range(source.count))
    same = trial.film.exists() and digests(trial.film) == expected
    whole = frames["once"] == source.count and film_frames(trial.film) == source.count
    return {
        "passed": killing.half_way and trial.exit_code == 0 and whole and same,
        "killed_after_frames": killing.after_frames,
        "and_seconds": round(killing.and_seconds, 3),
        "node": killing.node,
        "processes_killed": len(killing.processes),
        "workers_killed": [
            log.stem
            for log in sorted((trial.run_dir / "logs").glob("*.jsonl"))
            if worker_pid(trial.run_dir, log.stem) in killing.processes
        ],
        "frames_done_at_the_kill": killing.frames_done,
        "workers_lost": [line["cause"] for line in journal if line["event"] == "worker_lost"],
        "exit_code": trial.exit_code,
        "frames": frames,
        "film_frames": film_frames(trial.film),
        "same_bytes": same,
        "seconds": round(trial.total_seconds, 2),
    }


def corrupt(folder: Path, sizes: Sizes) -> dict[str, Any]:
    """Make a film that has corrupt frames while workers are killed."""
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
    """Corrupt ``count`` frames in four different ways, and return their indices."""
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
    """Kill the worker that has just finished a frame, once ``after`` frames are journaled.

    Workers that were killed earlier are skipped, even if one of them finished the latest frame.
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
    status = subprocess.run(words, check=True, capture_output=True)
    failures = json.loads(status.stdout)["status"]["failed"]
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

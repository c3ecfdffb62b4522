"""Measure the page of a run: first paint, memory, events without end, and its cost to a run.

Prints JSON: ``python -m benchmarks.serve``. It needs Chromium and Playwright, and takes minutes.
Run folders of 1,000 and 100,000 frames are written as a driver writes them, from few pictures.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
from playwright.sync_api import sync_playwright

from batch_analogy.jobs.folder.journal import Journal
from batch_analogy.jobs.plan.fingerprints import FileFingerprint
from batch_analogy.jobs.plan.run_plan import FramePlan, Shot
from batch_analogy.jobs.plan.segments import cut_segments
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.stills import write_png
from benchmarks.common import report
from tests.support.browser import BROWSERS, FLAGS
from tests.support.plans import plan as plain_plan
from tests.support.runs import picture
from tests.support.served import done_line, write_plan_and_manifest

COUNTS = (1_000, 100_000)
EVENTS = 10_000
IDLE_SECONDS = 20.0
SHOT_FRAMES = 240
DISTINCT = 50  # pictures; the other frames are links to them


def write_long_run(root: Path, count: int) -> Path:
    """Write a finished run of ``count`` frames."""
    folder, store = root / "film.run", RunStore(root / "film.run")
    for index in range(DISTINCT):
        write_png(root / "in" / f"{index}.png", picture(index, 270, 480))
    frames = tuple(
        FramePlan(n, str(root / "in" / f"{n % DISTINCT}.png"), f"frame{n:06d}.png", 270, 480,
                  1, 1, f"hash{n}") for n in range(count)
    )  # fmt: skip
    shots = tuple(
        Shot(n, start, min(start + SHOT_FRAMES, count))
        for n, start in enumerate(range(0, count, SHOT_FRAMES))
    )
    plan = msgspec.structs.replace(
        plain_plan(1), frames=frames, shots=shots, segments=cut_segments(shots, 3),
        fps=Fraction(24), reference=FileFingerprint(str(root / "in" / "0.png"), 1, 1, "hash"),
    )  # fmt: skip
    write_plan_and_manifest(folder, plan)
    with Journal(store.journal) as journal:
        for index in range(count):
            path = store.frame("a_prime", index)
            if index < DISTINCT:
                write_png(path, picture(index + 9, 270, 480))
            else:
                path.hardlink_to(store.frame("a_prime", index % DISTINCT))
            journal.append(done_line(index, path.stat().st_size))
    return folder


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str], float]]:
    """Serve a run; give the address, the process, and the seconds until it answered."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "batch_analogy", "serve", str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        yield address, process, time.perf_counter() - started
    finally:
        process.terminate()
        process.wait()


def memory_mb(process: subprocess.Popen[str], field: str = "VmHWM") -> float:
    """Return the memory of a process, by default at its highest."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return round(next(int(x.split()[1]) for x in lines if x.startswith(field)) / 1024, 1)


def first_paint(page: Any, address: str) -> dict[str, float]:
    """Open a page; return the seconds to the browser's first paint and to tiles with pictures."""
    started = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("html[data-ready]", state="attached")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.tile img')]"
        ".some(one => one.complete && one.naturalWidth)"
    )
    tiles = time.perf_counter() - started
    painted = page.evaluate(
        "performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"
    )
    return {"first_paint_seconds": round(painted, 3), "tiles_seconds": round(tiles, 3)}


def scrolling(page: Any) -> dict[str, float]:
    """Scroll through the whole strip in 240 steps; return how long browser frames took, in ms."""
    found = page.evaluate(
        """async () => {
          const strip = document.querySelector('#strip'), times = [];
          let last = performance.now();
          for (let n = 0; n < 240; n += 1) {
            strip.scrollLeft = (n / 240) * strip.scrollWidth;
            await new Promise(requestAnimationFrame);
            const now = performance.now();
            times.push(now - last);
            last = now;
          }
          return times;
        }"""
    )
    return {"median_ms": round(statistics.median(found), 1), "highest_ms": round(max(found), 1)}


def endless_events(
    page: Any, folder: Path, process: subprocess.Popen[str], events: int
) -> dict[str, Any]:
    """Journal frames anew while a page is open; return memory and elements over time."""
    store, found = RunStore(folder), []
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def look(events: int) -> None:
        session.send("HeapProfiler.collectGarbage")
        metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
        found.append(
            {
                "events": events,
                "page_heap_mb": round(metrics["JSHeapUsedSize"] / 2**20, 2),
                "page_nodes": int(metrics["Nodes"]),
                "server_mb": memory_mb(process, "VmRSS"),
            }
        )

    with Journal(store.journal) as journal:
        for index in range(events):
            if index % (events // 5) == 0:
                look(index)
            journal.append(done_line(index % DISTINCT, 1))
            time.sleep(0.002)
    time.sleep(2)
    look(events)
    return {"looks": found}


def cost_of_a_look(folder: Path, seconds: float) -> dict[str, float]:
    """Return the processor seconds a second that a server takes with one page open, of one core."""
    with served(folder) as (address, process, _), sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page()
        first_paint(page, address)
        time.sleep(3)
        before, started = cpu_seconds(process.pid), time.perf_counter()
        time.sleep(seconds)
        used = cpu_seconds(process.pid) - before
        browser.close()
        return {"server_core_share": round(used / (time.perf_counter() - started), 4)}


def cpu_seconds(pid: int) -> float:
    """Return the processor seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def chromium() -> str:
    """Return the path of the browser."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise SystemExit("no Chromium here; install Debian's package chromium")
    return found


def in_browser(folder: Path, events: int) -> dict[str, Any]:
    """Measure the page of one run."""
    with served(folder) as (address, process, start_seconds), sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        found: dict[str, Any] = {"server_start_seconds": round(start_seconds, 3)}
        found |= first_paint(page, address)
        again = [first_paint(browser.new_page(), address) for _ in range(3)]
        found["again"] = again
        found["scrolling"] = scrolling(page)
        if events:
            found["events"] = endless_events(page, folder, process, events)
        found["server_highest_mb"] = memory_mb(process)
        browser.close()
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the page of a run.")
    parser.add_argument("--frames", type=int, nargs="+", default=COUNTS)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--idle-seconds", type=float, default=IDLE_SECONDS)
    options = parser.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as root:
        for count in options.frames:
            folder = write_long_run(Path(root) / str(count), count)
            first = count == options.frames[0]
            found = in_browser(folder, options.events if first else 0)
            results[f"{count}_frames"] = found | cost_of_a_look(folder, options.idle_seconds)
    report("serve", results)


if __name__ == "__main__":
    main()

"""Write the tables of the benchmarks page from benchmarks/results/*.json.

A page asks for a table by a comment, ``<!-- table: pair_speed -->``.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"

MARKER = re.compile(r"^<!-- table: ([\w-]+) -->$", re.MULTILINE)

COHERENT_FILMS = (
    ("pan of 4 px a frame", "steady", "photo-to-style", "pan"),
    ("pan of 0.3 px a frame", "steady", "photo-to-style", "sub-pixel pan"),
    ("still scene with noise", "steady_static", "photo-to-style", "static with noise"),
    ("zoom", "steady_moves", "photo-to-style", "zoom"),
    ("moving object", "steady_moves", "photo-to-style", "object"),
    ("photographs: pan of 0.3 px", "steady_photo", "photo-to-photo", "sub-pixel pan"),
    ("photographs: still scene with noise", "steady_photo", "photo-to-photo", "static with noise"),
)
"""Title, file, preset and case of the temporally coherent films."""


def fill(markdown: str) -> str:
    """Replace every marker of a page by its table.

    Raises:
        KeyError: a marker names no table, or a result lacks a value that its table shows.
    """
    return MARKER.sub(lambda found: TABLES[found[1]](), markdown)


@functools.cache
def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return content


def _results(name: str) -> Any:
    return _read(name)["results"]


def _table(head: Sequence[str], rows: Iterable[Sequence[object]], *sources: str) -> str:
    lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join([*lines, "", _origin(sources)])


def _origin(sources: Sequence[str]) -> str:
    """Name the files that a table was made from, and the machines that they were measured on."""
    files = ", ".join(f"`{name}.json`" for name in sources)
    machines = dict.fromkeys(_machine(_read(name)["machine"]) for name in sources)
    return f"*From {files}; {'; '.join(machines)}.*"


def _machine(machine: Mapping[str, Any]) -> str:
    kind = "AMX" if machine["amx"] else machine["capability"]
    gpu = machine["gpu"] or "no GPU"
    return f"{machine['cpu']} ({kind}), {machine['cores']} cores, {gpu}"


def _digits(value: float, digits: int = 2) -> str:
    """Write a number with so many significant digits, never with an exponent.

    >>> _digits(0.000178), _digits(1.02), _digits(0)
    ('0.00018', '1.0', '0')
    """
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}"


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB"


def _pair_speed() -> str:
    rows = [
        (name, f"{r['median_seconds']:.1f} s", _gigabytes(r["peak_memory_bytes"]))
        for name, r in {**_results("pair_speed"), **_results("pair_speed_paper")}.items()
        if isinstance(r, dict)
    ]
    return _table(("quality", "median", "memory"), rows, "pair_speed", "pair_speed_paper")


def _start() -> str:
    rows = [
        (name, f"{r['median_processor_seconds']:.2f} s", f"{r['median_seconds']:.2f} s")
        for name, r in _results("start").items()
    ]
    return _table(("process", "processor time", "time"), rows, "start")


def _real_pairs() -> str:
    scores = ("region", "pck10", "pck05", "seam", "processor_seconds", "times_encoding")
    rows = []
    for quality, found in _results("real_pairs")["qualities"].items():
        values = [found["worst_region"]["region"], *(found["means"][name] for name in scores)]
        rows.append([quality, *(f"{value:.3f}" for value in values)])
    head = ["quality", "`region` of the worst pair", *map("`{}`".format, scores)]
    return _table(head, rows, "real_pairs")


def _film_rate() -> str:
    rows = [
        (
            quality,
            f"{r['on']['seconds_per_frame']:.1f} s",
            r["on"]["frames_per_hour"],
            f"{r['off']['seconds_per_frame']:.1f} s",
        )
        for quality, r in _results("film_rate").items()
    ]
    head = ("quality", "per frame, coherent", "frames an hour", "per frame, one by one")
    return _table(head, rows, "film_rate")


def _coherent() -> str:
    rows = []
    for title, name, preset, case in COHERENT_FILMS:
        clips = _results(name)["clips"][preset][case].values()
        means = _results(name)["means"][preset][case]
        rows.append(
            (
                title,
                _mean_ratio(means, "warp_error"),
                _spread([clip["ratio"]["warp_error"] for clip in clips]),
                _mean_ratio(means, "sharpness"),
                _mean_ratio(means, "vgg19_gram"),
                f"{_digits(means['on']['texture_displacement_px'])} px",
                f"{_digits(means['off']['texture_displacement_px'])} px",
            )
        )
    head = (
        "film", "warping error", "lowest to highest", "sharpness", "style distance",
        "texture displacement", "… one by one",
    )  # fmt: skip
    return _table(head, rows, *dict.fromkeys(name for _, name, _, _ in COHERENT_FILMS))


def _mean_ratio(means: Mapping[str, Any], key: str) -> str:
    return _digits(means["on"][key] / means["off"][key])


def _spread(values: Sequence[float]) -> str:
    return "–" if len(values) == 1 else f"{_digits(min(values))} to {_digits(max(values))}"


def _drift() -> str:
    rows = []
    for preset, cases in _results("steady_drift")["clips"].items():
        for case, clips in cases.items():
            for photo, clip in clips.items():
                drift = clip["on"]["drift"]
                rows.append(
                    (
                        f"{preset}, {case}, {photo}",
                        _digits(drift["to_12th"]),
                        _digits(drift["to_last"]),
                        _digits(drift["ratio"]),
                        _digits(drift["ratio_of_means"]),
                        f"{_digits(clip['on']['texture_displacement_to_last_px'])} px",
                    )
                )
    head = ("film", "E(1, 12)", "E(1, 97)", "ratio", "ratio of ten frames", "texture at the end")
    return _table(head, rows, "steady_drift")


def _known() -> str:
    titles = {
        "draft, plain": "eleven pairs",
        "draft, plain, smoothness 0": "… with `--smoothness 0`",
        "draft, hard": "twelve pairs of other sizes, or mirrored",
        "draft, hard, scales 0.7,1,1.4 and mirror": "… with `--scales 0.7,1,1.4 --mirror`",
    }
    rows = [
        (
            title,
            f"{_results('known')[name]['means']['share_within_2_percent']:.3f}",
            f"{_results('known')[name]['means']['share_within_5_percent']:.3f}",
        )
        for name, title in titles.items()
    ]
    return _table(("pairs", "within 2 % of the width", "within 5 %"), rows, "known")


def _solve_study() -> str:
    rows = [
        (
            name,
            f"{r['share_within_2_percent']:.3f}",
            f"{r['share_within_5_percent']:.3f}",
            f"{r['median_error_px']:.2f}",
            f"{r['times_standard']:.2g}",
        )
        for name, r in _results("solve_study").items()
    ]
    head = ("solve", "within 2 %", "within 5 %", "median error, px", "time, `standard` = 1")
    return _table(head, rows, "solve_study")


def _keyframes() -> str:
    rows = [
        (
            name,
            _digits(case["warp_error_ratio"]),
            f"{_digits(case['on']['texture_displacement_px'])} px",
            f"{_digits(case['on']['texture_displacement_key_to_far_px'])} px",
            f"{_digits(case['on']['seconds_median'])} s",
        )
        for name, case in _results("keyframes")["cases"].items()
    ]
    head = ("clip", "warping error", "texture, frame to frame", "texture at the end", "a frame")
    return _table(head, rows, "keyframes")


def _guided() -> str:
    best = {"blur": "colours", "emboss": "slopes", "duotone": "colours"}
    rows = [
        (
            source.replace("-", " "),
            *(
                f"{r[name][guide]['ssim']:.2f} ({r[name][guide]['psnr']:.1f} dB)"
                for name, guide in best.items()
            ),
        )
        for source, r in _results("guided")["filters"].items()
    ]
    head = ("filter learnt from", *(f"{name}, by {guide}" for name, guide in best.items()))
    return _table(head, rows, "guided")


def _uniformity() -> str:
    rows = [
        (
            name,
            r["with"]["most_used_patch"],
            r["without"]["most_used_patch"],
            r["with"]["contrast"],
            r["without"]["contrast"],
        )
        for name, r in _results("guided")["texture"].items()
    ]
    head = ("texture", "most used patch", "… without uniformity", "contrast", "… without")
    return _table(head, rows, "guided")


def _guided_speed() -> str:
    r = _results("guided_speed")["speed"]
    rows = [
        ("from nothing", f"{r['cold']['median_seconds']:.1f} s"),
        ("from the field of the frame before", f"{r['warm']['median_seconds']:.1f} s"),
        ("memory", _gigabytes(r["peak_memory_bytes"])),
    ]
    return _table(("480×360, three guides", ""), rows, "guided_speed")


def _fade() -> str:
    rows = [
        (name, f"{r['texture']:.2f}", f"{r['sharpness']:.2f}", f"{r['blotches']:.2f}")
        for name, r in _results("fade")["means"].items()
    ]
    return _table(("way", "texture kept", "sharpness kept", "blotches"), rows, "fade")


def _shots() -> str:
    rows = [
        (name.replace("_", " "), r["cuts"], r["right"], r["missed"], r["false"],
         r["false_on_steps_and_flashes"])
        for name, r in _results("shots").items()
    ]  # fmt: skip
    head = ("films", "cuts", "found", "missed", "false", "… at steps and flashes")
    return _table(head, rows, "shots")


def _deflicker() -> str:
    ramps = next(value for name, value in _results("deflicker").items() if name != "seed 0")
    rows = [
        (
            name,
            f"{r['share_of_seeds_within_0.05_ev']:.2f}",
            f"{_digits(r['error_rms_ev']['median'])} EV",
            f"{_digits(r['error_highest_ev']['median'])} EV",
        )
        for name, r in ramps.items()
    ]
    head = ("true exposure, and how errors are spread", "seeds within 0.05 EV everywhere",
            "error, RMS (median)", "worst frame (median)")  # fmt: skip
    return _table(head, rows, "deflicker")


def _flow() -> str:
    results = _results("flow")
    rows = [
        (
            name,
            f"{_digits(r['endpoint_error_px'])} px",
            f"{r['believed_share']:.3f}",
            f"{r['wrong_by_1_px_of_believed']:.4f}",
        )
        for name, r in results["accuracy"].items()
        if "endpoint_error_px" in r
    ]
    head = ("clip", "endpoint error", "share believed", "… off by more than 1 px")
    step = results["448 lines"]["step"]["median_seconds"] * 1000
    said = f"One step both ways, with its confidence, takes {step:.0f} ms at 796×448."
    return f"{_table(head, rows, 'flow')}\n\n{said}"


def _semantic() -> str:
    made, applied = _results("semantic")["synthetic"], _results("semantic")["apply"]
    rows = [
        ("training, 96 px, draft", f"{made['seconds']:.0f} s"),
        ("… processor time", f"{made['cpu_seconds']:.0f} s"),
        ("… memory", _gigabytes(made["peak_memory_bytes"])),
        ("a disc at places it never had: pixels as the map says, at least",
         f"{made['moved']['lowest']['accuracy']:.1%}"),
        ("… its colour off by at most", f"{made['moved']['highest_colour_error']:.2f} of 1"),
        ("change of pixels where the maps of a film do not change",
         f"{made['film']['detail']:.1f} of 255"),
        ("maps a second at 256 px without detail, bfloat16",
         f"{applied['bfloat16']['maps_per_second']:.1f}"),
        ("… float32", f"{applied['float32']['maps_per_second']:.1f}"),
    ]  # fmt: skip
    return _table(("one training", ""), rows, "semantic")


def _cluster() -> str:
    r = _results("cluster")
    single, film = r["two_nodes"]["single_frames"], r["two_nodes"]["steady_film"]
    rows = [
        ("from typing the command to the first frame's start", f"{r['first_frame']['seconds']} s"),
        ("one worker in Ray against the same work in one process",
         f"{r['overhead']['ratio'] - 1:+.1%}"),
        ("two nodes against one, frames one by one", f"{single['gain']:.2f} times as fast"),
        ("two nodes against one, a coherent film of four spans",
         f"{film['gains'][0]:.2f} times as fast"),
    ]  # fmt: skip
    return _table(("nodes of one core each, on one machine", "measured"), rows, "cluster")


def _planning() -> str:
    r = _results("planning")
    rows = [
        (title, f"{r[key]['seconds']:.0f} s", _gigabytes(r[key]["peak_memory_bytes"]))
        for title, key in (
            ("plan", "plan"),
            ("read the plan", "read_plan"),
            ("write the journal", "write_journal"),
            ("read the journal", "read_journal"),
        )
    ]
    return _table((f"{r['frames']:,} frames", "time", "memory"), rows, "planning")


def _long_run() -> str:
    rows = [
        (f"{name}, {process}", *(f"{r[f'at {share}']:.0f} MB" for share in ("10%", "50%", "100%")))
        for name, run in _results("long_run").items()
        if isinstance(run, dict)
        for process, r in run["anonymous_mb"].items()
        if r["at 10%"] is not None
    ]
    frames = _results("long_run")["frames"]
    head = (f"{frames:,} frames of 96×72", "at 10 %", "at 50 %", "at the end")
    return _table(head, rows, "long_run")


def _runs() -> str:
    r = _results("runs")
    rows = [
        ("the same command again", r["files_differing"]["again"]),
        ("with two workers", r["files_differing"]["two_workers"]),
        ("killed half-way and typed again", r["files_differing"]["killed"]),
        ("finished frames written again after the kill", r["finished_frames_written_again"]),
    ]
    return _table((f"a run of {r['frames']} frames", "files that differ"), rows, "runs")


def _measures() -> str:
    rows = [
        (kind.replace("_", " "), name, f"{r['median']:.2f}", f"{r['lowest']:.2f}")
        for kind, measures in _results("measures")["order_of_steps"].items()
        for name, r in measures.items()
    ]
    head = ("spoilt by", "measure", "order right (median)", "lowest")
    return _table(head, rows, "measures")


TABLES: dict[str, Callable[[], str]] = {
    "cluster": _cluster,
    "coherent": _coherent,
    "deflicker": _deflicker,
    "drift": _drift,
    "fade": _fade,
    "film_rate": _film_rate,
    "flow": _flow,
    "guided": _guided,
    "guided_speed": _guided_speed,
    "keyframes": _keyframes,
    "known": _known,
    "long_run": _long_run,
    "measures": _measures,
    "pair_speed": _pair_speed,
    "start": _start,
    "planning": _planning,
    "real_pairs": _real_pairs,
    "runs": _runs,
    "semantic": _semantic,
    "shots": _shots,
    "solve_study": _solve_study,
    "uniformity": _uniformity,
}

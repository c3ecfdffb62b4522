"""Write the tables of the benchmarks page from benchmarks/results/*.json.

A page asks for a table by a comment, ``<!-- table: pair_speed -->``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from result_tables import digits, gigabytes, results_of, table

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


def _pair_speed() -> str:
    rows = [
        (name, f"{r['median_seconds']:.1f} s", gigabytes(r["peak_memory_bytes"]))
        for name, r in {**results_of("pair_speed"), **results_of("pair_speed_paper")}.items()
        if isinstance(r, dict)
    ]
    return table(("quality", "median", "memory"), rows, "pair_speed", "pair_speed_paper")


def _start() -> str:
    rows = [
        (name, f"{r['median_processor_seconds']:.2f} s", f"{r['median_seconds']:.2f} s")
        for name, r in results_of("start").items()
    ]
    return table(("process", "processor time", "time"), rows, "start")


def _real_pairs() -> str:
    scores = ("region", "pck10", "pck05", "seam", "processor_seconds", "times_encoding")
    rows = []
    for quality, found in results_of("real_pairs")["qualities"].items():
        values = [found["worst_region"]["region"], *(found["means"][name] for name in scores)]
        rows.append([quality, *(f"{value:.3f}" for value in values)])
    head = ["quality", "`region` of the worst pair", *map("`{}`".format, scores)]
    return table(head, rows, "real_pairs")


def _film_rate() -> str:
    rows = [
        (
            quality,
            f"{r['on']['seconds_per_frame']:.1f} s",
            r["on"]["frames_per_hour"],
            f"{r['off']['seconds_per_frame']:.1f} s",
        )
        for quality, r in results_of("film_rate").items()
    ]
    head = ("quality", "per frame, coherent", "frames an hour", "per frame, one by one")
    return table(head, rows, "film_rate")


def _coherent() -> str:
    rows = []
    for title, name, preset, case in COHERENT_FILMS:
        clips = results_of(name)["clips"][preset][case].values()
        means = results_of(name)["means"][preset][case]
        rows.append(
            (
                title,
                _mean_ratio(means, "warp_error"),
                _spread([clip["ratio"]["warp_error"] for clip in clips]),
                _mean_ratio(means, "sharpness"),
                _mean_ratio(means, "vgg19_gram"),
                f"{digits(means['on']['texture_displacement_px'])} px",
                f"{digits(means['off']['texture_displacement_px'])} px",
            )
        )
    head = (
        "film", "warping error", "lowest to highest", "sharpness", "style distance",
        "texture displacement", "… one by one",
    )  # fmt: skip
    return table(head, rows, *dict.fromkeys(name for _, name, _, _ in COHERENT_FILMS))


def _mean_ratio(means: Mapping[str, Any], key: str) -> str:
    return digits(means["on"][key] / means["off"][key])


def _spread(values: Sequence[float]) -> str:
    return "–" if len(values) == 1 else f"{digits(min(values))} to {digits(max(values))}"


def _drift() -> str:
    rows = []
    for preset, cases in results_of("steady_drift")["clips"].items():
        for case, clips in cases.items():
            for photo, clip in clips.items():
                drift = clip["on"]["drift"]
                rows.append(
                    (
                        f"{preset}, {case}, {photo}",
                        digits(drift["to_12th"]),
                        digits(drift["to_last"]),
                        digits(drift["ratio"]),
                        digits(drift["ratio_of_means"]),
                        f"{digits(clip['on']['texture_displacement_to_last_px'])} px",
                    )
                )
    head = ("film", "E(1, 12)", "E(1, 97)", "ratio", "ratio of ten frames", "texture at the end")
    return table(head, rows, "steady_drift")


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
            f"{results_of('known')[name]['means']['share_within_2_percent']:.3f}",
            f"{results_of('known')[name]['means']['share_within_5_percent']:.3f}",
        )
        for name, title in titles.items()
    ]
    return table(("pairs", "within 2 % of the width", "within 5 %"), rows, "known")


def _solve_study() -> str:
    rows = [
        (
            name,
            f"{r['share_within_2_percent']:.3f}",
            f"{r['share_within_5_percent']:.3f}",
            f"{r['median_error_px']:.2f}",
            f"{r['times_standard']:.2g}",
        )
        for name, r in results_of("solve_study").items()
    ]
    head = ("solve", "within 2 %", "within 5 %", "median error, px", "time, `standard` = 1")
    return table(head, rows, "solve_study")


def _keyframes() -> str:
    rows = [
        (
            name,
            digits(case["warp_error_ratio"]),
            f"{digits(case['on']['texture_displacement_px'])} px",
            f"{digits(case['on']['texture_displacement_key_to_far_px'])} px",
            f"{digits(case['on']['seconds_median'])} s",
        )
        for name, case in results_of("keyframes")["cases"].items()
    ]
    head = ("clip", "warping error", "texture, frame to frame", "texture at the end", "a frame")
    return table(head, rows, "keyframes")


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
        for source, r in results_of("guided")["filters"].items()
    ]
    head = ("filter learnt from", *(f"{name}, by {guide}" for name, guide in best.items()))
    return table(head, rows, "guided")


def _uniformity() -> str:
    rows = [
        (
            name,
            r["with"]["most_used_patch"],
            r["without"]["most_used_patch"],
            r["with"]["contrast"],
            r["without"]["contrast"],
        )
        for name, r in results_of("guided")["texture"].items()
    ]
    head = ("texture", "most used patch", "… without uniformity", "contrast", "… without")
    return table(head, rows, "guided")


def _guided_speed() -> str:
    r = results_of("guided_speed")["speed"]
    rows = [
        ("from nothing", f"{r['cold']['median_seconds']:.1f} s"),
        ("from the field of the frame before", f"{r['warm']['median_seconds']:.1f} s"),
        ("memory", gigabytes(r["peak_memory_bytes"])),
    ]
    return table(("480×360, three guides", ""), rows, "guided_speed")


def _fade() -> str:
    rows = [
        (name, f"{r['texture']:.2f}", f"{r['sharpness']:.2f}", f"{r['blotches']:.2f}")
        for name, r in results_of("fade")["means"].items()
    ]
    return table(("way", "texture kept", "sharpness kept", "blotches"), rows, "fade")


def _shots() -> str:
    rows = [
        (name.replace("_", " "), r["cuts"], r["right"], r["missed"], r["false"],
         r["false_on_steps_and_flashes"])
        for name, r in results_of("shots").items()
    ]  # fmt: skip
    head = ("films", "cuts", "found", "missed", "false", "… at steps and flashes")
    return table(head, rows, "shots")


def _deflicker() -> str:
    ramps = next(value for name, value in results_of("deflicker").items() if name != "seed 0")
    rows = [
        (
            name,
            f"{r['share_of_seeds_within_0.05_ev']:.2f}",
            f"{digits(r['error_rms_ev']['median'])} EV",
            f"{digits(r['error_highest_ev']['median'])} EV",
        )
        for name, r in ramps.items()
    ]
    head = ("true exposure, and how errors are spread", "seeds within 0.05 EV everywhere",
            "error, RMS (median)", "worst frame (median)")  # fmt: skip
    return table(head, rows, "deflicker")


def _flow() -> str:
    results = results_of("flow")
    rows = [
        (
            name,
            f"{digits(r['endpoint_error_px'])} px",
            f"{r['believed_share']:.3f}",
            f"{r['wrong_by_1_px_of_believed']:.4f}",
        )
        for name, r in results["accuracy"].items()
        if "endpoint_error_px" in r
    ]
    head = ("clip", "endpoint error", "share believed", "… off by more than 1 px")
    step = results["448 lines"]["step"]["median_seconds"] * 1000
    said = f"One step both ways, with its confidence, takes {step:.0f} ms at 796×448."
    return f"{table(head, rows, 'flow')}\n\n{said}"


def _semantic() -> str:
    made, applied = results_of("semantic")["synthetic"], results_of("semantic")["apply"]
    rows = [
        ("training, 96 px, draft", f"{made['seconds']:.0f} s"),
        ("… processor time", f"{made['cpu_seconds']:.0f} s"),
        ("… memory", gigabytes(made["peak_memory_bytes"])),
        ("a disc at places it never had: pixels as the map says, at least",
         f"{made['moved']['lowest']['accuracy']:.1%}"),
        ("… its colour off by at most", f"{made['moved']['highest_colour_error']:.2f} of 1"),
        ("change of pixels where the maps of a film do not change",
         f"{made['film']['detail']:.1f} of 255"),
        ("maps a second at 256 px without detail, bfloat16",
         f"{applied['bfloat16']['maps_per_second']:.1f}"),
        ("… float32", f"{applied['float32']['maps_per_second']:.1f}"),
    ]  # fmt: skip
    return table(("one training", ""), rows, "semantic")


def _cluster() -> str:
    r = results_of("cluster")
    single, film = r["two_nodes"]["single_frames"], r["two_nodes"]["steady_film"]
    rows = [
        ("from typing the command to the first frame's start", f"{r['first_frame']['seconds']} s"),
        ("one worker in Ray against the same work in one process",
         f"{r['overhead']['ratio'] - 1:+.1%}"),
        ("two nodes against one, frames one by one", f"{single['gain']:.2f} times as fast"),
        ("two nodes against one, a coherent film of four spans",
         f"{film['gains'][0]:.2f} times as fast"),
    ]  # fmt: skip
    return table(("nodes of one core each, on one machine", "measured"), rows, "cluster")


def _planning() -> str:
    r = results_of("planning")
    rows = [
        (title, f"{r[key]['seconds']:.0f} s", gigabytes(r[key]["peak_memory_bytes"]))
        for title, key in (
            ("plan", "plan"),
            ("read the plan", "read_plan"),
            ("write the journal", "write_journal"),
            ("read the journal", "read_journal"),
        )
    ]
    return table((f"{r['frames']:,} frames", "time", "memory"), rows, "planning")


def _scanning() -> str:
    r = results_of("scanning")
    rows = [
        (f"{one['threads']}", f"{one['seconds']:.0f} s", gigabytes(one["peak_memory_bytes"]))
        for one in r["runs"]
    ]
    width, height = r["size"]
    head = (f"threads, {r['frames']:,} stills of {width}×{height}", "time", "memory")
    return table(head, rows, "scanning")


def _long_run() -> str:
    rows = [
        (f"{name}, {process}", *(f"{r[f'at {share}']:.0f} MB" for share in ("10%", "50%", "100%")))
        for name, run in results_of("long_run").items()
        if isinstance(run, dict)
        for process, r in run["anonymous_mb"].items()
        if r["at 10%"] is not None
    ]
    frames = results_of("long_run")["frames"]
    head = (f"{frames:,} frames of 96×72", "at 10 %", "at 50 %", "at the end")
    return table(head, rows, "long_run")


def _runs() -> str:
    r = results_of("runs")
    rows = [
        ("the same command again", r["files_differing"]["again"]),
        ("with two workers", r["files_differing"]["two_workers"]),
        ("killed half-way and typed again", r["files_differing"]["killed"]),
        ("finished frames written again after the kill", r["finished_frames_written_again"]),
    ]
    return table((f"a run of {r['frames']} frames", "files that differ"), rows, "runs")


def _measures() -> str:
    rows = [
        (kind.replace("_", " "), name, f"{r['median']:.2f}", f"{r['lowest']:.2f}")
        for kind, measures in results_of("measures")["order_of_steps"].items()
        for name, r in measures.items()
    ]
    head = ("spoilt by", "measure", "order right (median)", "lowest")
    return table(head, rows, "measures")


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
    "scanning": _scanning,
    "semantic": _semantic,
    "shots": _shots,
    "solve_study": _solve_study,
    "uniformity": _uniformity,
}

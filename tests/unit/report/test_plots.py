from __future__ import annotations

import xml.etree.ElementTree as ET

from batch_analogy.report.plots import HEIGHT_PX, WIDTH_PX, Line, plot, ticks

SVG = "{http://www.w3.org/2000/svg}"


def drawn(values: list[float | None], marks: list[int] | None = None) -> ET.Element:
    line = Line("a <film>", "#123456", values)
    return ET.fromstring(plot([line], list(range(len(values))), marks or []))


def points(element: ET.Element) -> list[tuple[float, float]]:
    pairs = (pair.split(",") for pair in element.attrib["points"].split())
    return [(float(x), float(y)) for x, y in pairs]


def test_values_are_drawn_in_order_and_to_scale() -> None:
    (line,) = drawn([0.0, 1.0, 4.0]).iter(f"{SVG}polyline")
    (x0, y0), (x1, y1), (x2, y2) = points(line)
    assert x1 - x0 == x2 - x1 > 0
    assert abs((y0 - y2) - 4 * (y0 - y1)) < 0.3  # written to a tenth of a pixel
    assert 0 < y2 < y0 < HEIGHT_PX
    assert x2 < WIDTH_PX


def test_logarithmic_scale() -> None:
    line = Line("film", "red", [0.1, 0.01, 0.001, 0.0])
    root = ET.fromstring(plot([line], [0, 1, 2, 3], [], scale="log"))
    (drawn_line,) = root.iter(f"{SVG}polyline")
    heights = [y for _, y in points(drawn_line)]
    assert abs((heights[1] - heights[0]) - (heights[2] - heights[1])) < 0.3
    assert abs((heights[3] - heights[2]) - 4 * (heights[1] - heights[0])) < 0.5  # 0 lies at 1e-7
    written = [text.text for text in root.iter(f"{SVG}text")]
    assert {"0.1", "0.001", "1e-07"} <= set(written)


def test_a_missing_value_is_a_gap_and_a_single_one_a_dot() -> None:
    found = drawn([1.0, 2.0, None, 3.0, None, 1.0, 1.0])
    assert len(list(found.iter(f"{SVG}polyline"))) == 2
    assert len(list(found.iter(f"{SVG}circle"))) == 1


def test_names_are_escaped_and_marks_drawn() -> None:
    found = drawn([1.0, 2.0, 3.0, 4.0], marks=[0, 2])
    assert [title.text for title in found.iter(f"{SVG}title")] == ["a <film>"]
    dashed = [line for line in found.iter(f"{SVG}line") if "stroke-dasharray" in line.attrib]
    assert len(dashed) == 1  # the first segment begins with the film


def test_a_long_film_keeps_its_peaks() -> None:
    values: list[float | None] = [0.1] * 100_000
    values[77_777] = 5.0
    text = plot([Line("film", "red", values)], list(range(100_000)), [])
    assert len(text) < 100_000
    (line,) = ET.fromstring(text).iter(f"{SVG}polyline")
    heights = [y for _, y in points(line)]
    assert heights.count(min(heights)) == 1
    assert min(heights) < HEIGHT_PX / 4


def test_draws_one_frame_without_values() -> None:
    assert list(drawn([2.0]).iter(f"{SVG}circle"))
    assert not list(drawn([None]).iter(f"{SVG}polyline"))


def test_ticks_are_few_and_round() -> None:
    assert ticks(0, 23) == [0, 5, 10, 15, 20]
    assert ticks(0, 0) == [0]
    assert ticks(950, 1050)[0] == 950
    assert all(len(ticks(0, n)) <= 11 for n in range(1, 2000))

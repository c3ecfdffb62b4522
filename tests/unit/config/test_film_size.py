"""The size of a film as users write it, and the sizes that players show."""

from __future__ import annotations

from fractions import Fraction

import pytest

from batch_analogy.config.codecs import CODECS
from batch_analogy.config.film_size import film_size_px, parse_film_size
from batch_analogy.errors import ConfigError, UsageError

FPS = Fraction(24)


@pytest.mark.parametrize(
    ("text", "codec", "frame", "wanted"),
    [
        ("full", "h264", (4000, 6000), (4000, 6000)),
        ("full", "h264", (47, 63), (48, 64)),
        ("full", "ffv1", (47, 63), (47, 63)),
        ("full", "h264", (40, 20000), (34, 16384)),
        ("50%", "h264", (4000, 6000), (2000, 3000)),
        ("33.3%", "h264", (100, 200), (34, 68)),
        ("200%", "h264", (48, 64), (96, 128)),
        ("400%", "h264", (100, 10000), (164, 16384)),
        ("1920x1080", "h264", (4000, 6000), (1080, 1920)),
        ("1080 × 1920", "h265", (48, 64), (1920, 1080)),
        ("max", "h264", (4000, 6000), (2304, 3456)),
        ("max", "h264", (1080, 1920), (1080, 1920)),
        ("max", "h264", (1000, 10000), (408, 4096)),
        ("max", "h265", (4000, 6000), (2160, 3240)),
        ("max", "prores", (4000, 6000), (4000, 6000)),
    ],
)
def test_sizes(text: str, codec: str, frame: tuple[int, int], wanted: tuple[int, int]) -> None:
    assert film_size_px(*frame, parse_film_size(text), CODECS[codec], FPS) == wanted


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("fps", [24, 60, 120, 240])
def test_the_largest_playable_size_is_playable(codec: str, fps: int) -> None:
    spec, rate = CODECS[codec], Fraction(fps)
    for frame in [(4000, 6000), (6000, 4000), (8000, 8000), (700, 9000), (2160, 3840)]:
        size = film_size_px(*frame, parse_film_size("max"), spec, rate)
        assert spec.players[0].shows(*size, rate)
        if spec.players[0].shows(*frame, rate):
            assert size == frame


@pytest.mark.parametrize("text", ["", "big", "1920", "8x8", "0%", "500%", "-5%", "1920x"])
def test_rejects_other_sizes(text: str) -> None:
    with pytest.raises(ConfigError, match="film size is"):
        parse_film_size(text)


@pytest.mark.parametrize(
    ("text", "codec", "words"),
    [("1921x1080", "h264", "give 1922x1080"), ("20000x100", "h265", "at most 16384 px")],
)
def test_rejects_sizes_that_a_codec_cannot_have(text: str, codec: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        film_size_px(64, 64, parse_film_size(text), CODECS[codec], FPS)
    assert film_size_px(64, 64, parse_film_size("1921x1080"), CODECS["ffv1"], FPS) == (1080, 1921)

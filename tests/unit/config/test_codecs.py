"""The table of codecs: consistent, and the only place where a codec is named."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from batch_analogy.config import codecs
from batch_analogy.config.codecs import CODECS, SELECTABLE_BITS, Codec
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import ConfigError

SEVERAL_CODECS = [
    (name, bits) for name, codec in CODECS.items() for bits in SELECTABLE_BITS
]  # fmt: skip


def config(codec: Codec, depth: int | None) -> RunConfig:
    return RunConfig(
        command="timelapse",
        reference=Path("style.png"),
        source="frames",
        output=Path("film.mkv"),
        run_dir=Path("run"),
        codec=codec,
        depth=depth,
    )


def test_choices_of_the_option_are_the_names_of_the_table() -> None:
    assert get_args(codecs.Codec) == tuple(CODECS)


@pytest.mark.parametrize("name", CODECS)
def test_default_depths_have_a_pixel_format(name: Codec) -> None:
    codec = CODECS[name]
    assert {codec.bits, codec.deep_bits} <= codec.pixel_formats.keys()
    assert set(codec.suffix_options) <= set(codec.suffixes)


@pytest.mark.parametrize(("name", "depth"), SEVERAL_CODECS)
def test_accepts_exactly_the_depths_that_a_codec_has(name: Codec, depth: int) -> None:
    if depth in CODECS[name].pixel_formats:
        assert config(name, depth).depth == depth
    else:
        with pytest.raises(ConfigError, match=f"{CODECS[name].title} has"):
            config(name, depth)


def test_rejects_an_unknown_codec() -> None:
    with pytest.raises(ConfigError, match="codec is 'mpeg2'; it must be one of h264"):
        config("mpeg2", None)


@pytest.mark.parametrize(
    ("crf", "suffix", "expected"),
    [
        (16, ".mp4", ["-crf", "16", "-x265-params", "log-level=error:pools=4:frame-threads=2"]),
        (0, ".mkv", ["-crf", "0", "-x265-params",
                     "log-level=error:pools=4:frame-threads=2:lossless=1"]),
    ],
)  # fmt: skip
def test_h265_options(crf: int, suffix: str, expected: list[str]) -> None:
    tag = [] if suffix == ".mkv" else ["-tag:v", "hvc1"]
    found = CODECS["h265"].encoder_options(crf, suffix)
    assert found == ["-c:v", "libx265", *expected, *tag]

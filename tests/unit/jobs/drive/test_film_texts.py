"""Texts of frames: where their dates come from."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import msgspec

from batch_analogy.config.run import RunConfig
from batch_analogy.jobs.drive.film_texts import captions_of, text_notes
from batch_analogy.jobs.plan.fingerprints import FileFingerprint
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.plan.video_properties import VideoProperties
from batch_analogy.media.colour_tags import ColourSpace
from tests.support.plans import plan


def recorded(created: str | None, times: tuple[str, ...] = ()) -> Plan:
    """Return a plan of a video whose first frame is shown half a second after its begin."""
    properties = VideoProperties(
        fps=Fraction(2),
        start=Fraction(1, 2),
        duration=Fraction(2),
        colours=ColourSpace(),
        constant_rate=not times,
        created=created,
    )
    made = plan(4, video=FileFingerprint("/in.mp4", 1, 2, "v"), video_properties=properties)
    if not times:
        return made
    timed = zip(made.frames, times, strict=True)
    frames = tuple(msgspec.structs.replace(frame, time=time) for frame, time in timed)
    return msgspec.structs.replace(made, frames=frames)


def texts_of(made: Plan) -> list[str]:
    config = replace(CONFIG, text="{date:%H:%M:%S.%f}")
    captions = captions_of(config, made, range(len(made.frames)))
    assert captions is not None
    return [text[:-5] for text in captions.texts]


CONFIG = RunConfig(
    command="stylize",
    reference=Path("/ref.png"),
    source="/in.mp4",
    output=Path("/film.mp4"),
    run_dir=Path("/film.run"),
)
CREATED = "2024-05-31T23:59:59.000000+02:00"


def test_the_frames_of_a_video_have_its_creation_time_plus_their_own() -> None:
    assert texts_of(recorded(CREATED)) == ["23:59:59.5", "00:00:00.0", "00:00:00.5", "00:00:01.0"]
    varying = recorded(CREATED, ("0", "1/10", "3", "31/10"))
    assert texts_of(varying) == ["23:59:59.5", "23:59:59.6", "00:00:02.5", "00:00:02.6"]


def test_the_plan_says_where_dates_come_from_or_that_there_are_none() -> None:
    dated = replace(CONFIG, text="{date}")
    assert [*text_notes(dated, recorded(CREATED))] == [
        "the dates count from the creation time in the video, 2024-05-31 23:59:59 UTC+02:00"
    ]
    (undated,) = text_notes(dated, recorded(None))
    assert undated == "WARNING: the video does not say when it was recorded, so {date} stays empty"
    assert [*text_notes(replace(CONFIG, text="{frame}"), recorded(None))] == []

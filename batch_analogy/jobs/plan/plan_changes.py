"""What has changed between two plans, and whether a run may continue with the new one."""

from __future__ import annotations

from typing import Any

from batch_analogy.errors import PlanChangedError
from batch_analogy.jobs.plan.flat_fields import flat_fields
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.plan.video_properties import describe_time_range

_LOOK = "look."
"""Prefix of settings that decide how the look is laid over the frames."""


def check_continues(old: Plan, new: Plan, *, done: set[int], look: bool = True) -> set[int]:
    """Check that a run begun with one plan may continue with another.

    A frame that is not finished may have changed: that is how a broken picture is replaced.

    Args:
        old: the plan in the run folder.
        new: the plan made now.
        done: indices of finished frames.
        look: changes of how the look is laid over the frames count too.

    Returns:
        Unfinished frames whose content has changed.

    Raises:
        PlanChangedError: it must not; the message names what changed.
    """
    changes = setting_changes(old, new, look=False) + _input_changes(old, new, done)
    look_changes = [one for one in setting_changes(old, new) if one not in changes]
    if look and look_changes and not changes:
        raise PlanChangedError(
            f"the frames in the run folder were made otherwise: {'; '.join(look_changes)}. Use "
            "--overwrite to make those again that this changes, or name another folder with "
            "--run-dir"
        )
    changes += look_changes if look else []
    if changes:
        raise PlanChangedError(
            "the run folder was begun with other settings or input: "
            + "; ".join(changes)
            + ". Use --overwrite to start afresh, or name another folder with --run-dir"
        )
    pairs = zip(old.frames, new.frames, strict=True)
    return {now.index for was, now in pairs if was.blake2b != now.blake2b}


def setting_changes(
    old: Plan, new: Plan, *, placed: bool = True, look: bool = True, of_frames: bool = True
) -> list[str]:
    """Describe what differs in settings and in the input that all frames share.

    Args:
        old: the plan in the run folder.
        new: the plan made now.
        placed: the places of references and amounts count too.
        look: how the look is laid over the frames counts too.
        of_frames: guides and masks count too of which each frame has its own.
    """
    changes = _option_changes(old, new, look=look) + _fact_changes(old, new)
    changes += _picture_changes(old, new, of_frames=of_frames)
    return changes + (_place_changes(old, new, look=look) if placed else [])


def _option_changes(old: Plan, new: Plan, *, look: bool) -> list[str]:
    was, now = flat_fields(old.pixels), flat_fields(new.pixels)
    return [
        f"{name.removeprefix(_LOOK)} was {_shown(was, name)}, is {_shown(now, name)}"
        for name in sorted(was.keys() | now.keys())
        if was.get(name) != now.get(name) and (look or not name.startswith(_LOOK))
    ]


def _fact_changes(old: Plan, new: Plan) -> list[str]:
    """Describe what differs in the machine, the program and the colours of the frames."""
    facts = (
        ("weights' content", old.weights_sha256[:12], new.weights_sha256[:12]),
        ("device", old.device, new.device),
        ("batch-analogy's version", old.version, new.version),
        ("the gamut of the frames", old.space.primaries, new.space.primaries),
        ("the first frame's white balance", old.white_balance, new.white_balance),
    )
    changes = [f"{name} was {was}, is {now}" for name, was, now in facts if was != now]
    spaces = old.named_space, new.named_space
    if len({space and space.digest for space in spaces}) > 1:  # wherever its configuration lies
        was, now = ("what they say" if one is None else one.title for one in spaces)
        changes.append(f"the colour space of the frames was {was}, is {now}")
    return changes


def _picture_changes(old: Plan, new: Plan, *, of_frames: bool) -> list[str]:
    """Describe which pictures have changed that all frames are made after."""
    changes = []
    if old.painting and new.painting:
        shared = old.painting.shared_content() == new.painting.shared_content()
        if not shared or (of_frames and old.painting.content() != new.painting.content()):
            changes.append("A, A', the guides or the mask have changed")
    elif old.reference.blake2b != new.reference.blake2b:
        changes.append(f"the content of the reference {new.reference.path} has changed")
    if old.reference2 and new.reference2 and old.reference2.blake2b != new.reference2.blake2b:
        changes.append(f"the content of the reference {new.reference2.path} has changed")
    return changes


def _place_changes(old: Plan, new: Plan, *, look: bool) -> list[str]:
    """Describe which references and amounts of the look have moved to other frames."""
    was, now = (
        [reference.frame for reference in plan.references + plan.references2] for plan in (old, new)
    )
    changes = []
    if was != now:
        before, after = (", ".join(map(str, indices)) or "no frame" for indices in (was, now))
        changes.append(f"the references were placed at {before}, are placed at {after}")
    options = flat_fields(old.pixels), flat_fields(new.pixels)
    for name in ("strength", "keep_colours") if look else ():
        same_text = len({fields.get(_LOOK + name) for fields in options}) == 1
        if same_text and getattr(old, name) != getattr(new, name):
            changes.append(f"the amounts of {name} were placed at other frames")
    return changes


def _shown(values: dict[str, Any], name: str) -> object:
    return values.get(name, "the default")


def _input_changes(old: Plan, new: Plan, done: set[int]) -> list[str]:
    if (old.video is None) != (new.video is None):
        return ["the frames came from " + ("pictures" if old.video is None else "a video")]
    if old.video and new.video:
        if old.video.blake2b != new.video.blake2b:
            return [f"the content of the video {new.video.path} has changed"]
        if old.time_range == new.time_range:
            return []
        before, after = describe_time_range(old.time_range), describe_time_range(new.time_range)
        return [f"it was {before}, is {after}"]
    if len(old.frames) != len(new.frames):
        return [f"there were {len(old.frames)} frames, there are {len(new.frames)}"]
    moved = [
        f"frame {now.index} was {was.name}, is {now.name}"
        for was, now in zip(old.frames, new.frames, strict=True)
        if was.name != now.name
    ]
    changed = [
        f"the content of frame {now.index} ({now.name}) has changed"
        for was, now in zip(old.frames, new.frames, strict=True)
        if was.blake2b != now.blake2b and now.index in done
    ]
    found = moved or changed
    return found if len(found) <= 3 else [*found[:3], f"{len(found) - 3} more frames changed"]

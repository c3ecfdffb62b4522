"""The temporal matcher on small frames of known motion: still, panned, occluded, brightened.

Motions are given, not estimated, so that only the matcher is tested.
"""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest
import skimage.data
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from batch_analogy.analogy.features import FeatureExtractor
from batch_analogy.analogy.features.pictures import EncodedPicture, encode_picture, matching_size
from batch_analogy.analogy.nnf import initial_position
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.motion.flow.drift_correction import motion_between_anchors
from batch_analogy.motion.flow.optical_flow import Motion, estimate_motion
from batch_analogy.motion.temporal.interpolated import FromAnchor, Interpolated, interpolate
from batch_analogy.motion.temporal.matcher import MatchedState, TemporalMatcher
from batch_analogy.motion.temporal.walk import digest

SIZE = (72, 96)
CONFIG = AnalogyConfig(
    quality="draft", precision="float32", max_area_px=SIZE[0] * SIZE[1], min_side_px=32
)
INNER = np.s_[..., 16:-16, 16:-16]  # visible in all frames


def view(right: float = 0.0, gain: float = 1.0) -> Tensor:
    """Return a window of a photograph, (1, 3, H, W); its content moves left by ``right`` px."""
    photo = skimage.data.coffee()[100:340:2, 100:420:2].astype(np.float32) / 255
    rows, columns = np.mgrid[20 : 20 + SIZE[0], 20 : 20 + SIZE[1]]
    bands = [
        ndimage.map_coordinates(photo[..., band], [rows, columns + right], order=1)
        for band in range(3)
    ]
    return torch.from_numpy(np.stack(bands).astype(np.float32) * np.float32(gain))[None]


@pytest.fixture(scope="module")
def reference(network: FeatureExtractor) -> EncodedPicture:
    photo = skimage.data.chelsea()[60 : 60 + 2 * SIZE[0] : 2, 100 : 100 + 2 * SIZE[1] : 2]
    image = torch.from_numpy(photo.astype(np.float32) / 255).permute(2, 0, 1)[None]
    return encode_picture(network, image.contiguous(), CONFIG)


@pytest.fixture(scope="module")
def textures(network: FeatureExtractor, reference: EncodedPicture) -> TemporalMatcher:
    """Matcher whose outputs take their pixels from the reference."""
    config = AnalogyConfig(**{**vars(CONFIG), "refine": "none"})
    return TemporalMatcher(network, reference, config, ("a_prime",))


@pytest.fixture(scope="module")
def colours(network: FeatureExtractor, reference: EncodedPicture) -> TemporalMatcher:
    """Matcher whose outputs are the frames themselves in the reference's colours."""
    config = AnalogyConfig(**{**vars(CONFIG), "refine": "affine"})
    return TemporalMatcher(network, reference, config, ("a_prime",))


@pytest.fixture(scope="module")
def anchor(textures: TemporalMatcher) -> MatchedState:
    return textures.begin(view())


def motion(
    matcher: TemporalMatcher,
    before: Tensor,
    now: Tensor,
    right: float,
    hidden: NDArray[np.bool_] | None = None,
) -> Motion:
    """Make the motion of a pan, with no confidence in what is hidden or outside ``before``."""
    backward = np.zeros((*SIZE, 2), np.float32)
    backward[..., 0] = right
    confidence, confidence_before = np.ones((2, *SIZE), np.float32)
    if right > 0:
        confidence[:, SIZE[1] - int(np.ceil(right)) :] = 0.0
        confidence_before[:, : int(np.ceil(right))] = 0.0
    if hidden is not None:
        confidence[hidden] = 0.0
    lumas = matcher.motion_luma(before), matcher.motion_luma(now)
    return Motion(*lumas, backward, -backward, confidence, confidence_before)


def follow(
    matcher: TemporalMatcher, state: MatchedState, found: Motion, a: Tensor
) -> MatchedState | Interpolated[MatchedState]:
    return matcher.follow(interpolate(FromAnchor(state, found), None, (1, 0)), a, age=1)


def picture(
    matcher: TemporalMatcher, a: Tensor, frame: MatchedState | Interpolated[MatchedState]
) -> Tensor:
    return matcher.render(a, frame).pictures["a_prime"]


def test_the_luma_is_reduced_to_the_size_of_the_motion(textures: TemporalMatcher) -> None:
    assert textures.motion_luma(view()).shape == SIZE
    assert textures.motion_luma(view().repeat(1, 1, 8, 8)).shape == SIZE


def test_an_equal_frame_is_the_same_anchor(textures: TemporalMatcher, anchor: MatchedState) -> None:
    still = motion(textures, view(), view(), 0.0)
    assert anchor.digest == digest(view())
    assert textures.anchor(anchor, [still], view()) is anchor


def test_an_equal_frame_gets_an_equal_picture(
    textures: TemporalMatcher, anchor: MatchedState
) -> None:
    luma = textures.motion_luma(view())
    frame = follow(textures, anchor, estimate_motion(luma, luma.copy()), view())
    assert isinstance(frame, Interpolated)
    assert torch.equal(picture(textures, view(), frame), picture(textures, view(), anchor))


def test_a_pan_by_whole_pixels_moves_the_texture_exactly(
    textures: TemporalMatcher, anchor: MatchedState
) -> None:
    frame = follow(textures, anchor, motion(textures, view(), view(3), 3.0), view(3))
    assert isinstance(frame, Interpolated)
    still, panned = picture(textures, view(), anchor), picture(textures, view(3), frame)
    # Blended seams spread a little of what came into view at the border.
    torch.testing.assert_close(
        panned[..., 16:-16, 16:-19], still[..., 16:-16, 19:-16], atol=1e-3, rtol=0
    )


def test_a_pan_by_fractions_of_a_pixel_moves_the_matches_equally(
    textures: TemporalMatcher, anchor: MatchedState
) -> None:
    """A map of the reference's own coordinates shows where a frame is matched."""
    own = initial_position(SIZE, SIZE)
    frame = follow(textures, anchor, motion(textures, view(), view(0.25), 0.25), view(0.25))
    assert isinstance(frame, Interpolated)
    before = textures.map_to_frame(view(), anchor, own)
    moved = textures.map_to_frame(view(0.25), frame, own) - before
    inside = (before[0, 1] < SIZE[1] - 2)[INNER]
    torch.testing.assert_close(
        moved[0, 1][INNER][inside], torch.full((int(inside.sum()),), 0.25), atol=1e-3, rtol=0
    )
    assert moved[0, 0][INNER].abs().max() < 1e-3


def test_four_steps_of_a_quarter_pixel_move_the_texture_by_one_pixel(
    textures: TemporalMatcher, anchor: MatchedState
) -> None:
    """The texture would not move at all if each step were rounded."""
    steps = [motion(textures, view(k / 4), view((k + 1) / 4), 0.25) for k in range(4)]
    whole = functools.reduce(Motion.then, steps)
    frame = follow(textures, anchor, whole, view(1))
    assert isinstance(frame, Interpolated)
    still, panned = picture(textures, view(), anchor), picture(textures, view(1), frame)
    moved = (panned[..., 16:-16, 16:-17] - still[..., 16:-16, 17:-16]).abs().mean()
    stuck = (panned[..., 16:-16, 16:-17] - still[..., 16:-16, 16:-17]).abs().mean()
    assert moved < 0.2 * stuck


def test_an_occluded_region_is_matched_and_the_rest_is_kept(
    textures: TemporalMatcher, anchor: MatchedState
) -> None:
    hidden = np.zeros(SIZE, np.bool_)
    hidden[20:52, 30:66] = True  # a sixth of the frame
    now = view(2)
    now[..., 20:52, 30:66] = torch.tensor([0.9, 0.2, 0.1]).view(1, 3, 1, 1)
    found = motion(textures, view(), now, 2.0, hidden)
    carried = interpolate(FromAnchor(anchor, found), None, (1, 0))
    frame = textures.follow(carried, now, age=1)
    assert isinstance(frame, MatchedState)
    assert frame.digest == digest(now)
    expected = carried.carry_selected((anchor.ab, None), "domain", SIZE)
    kept = (frame.ab == expected.expected).all(dim=1)
    assert kept[0, torch.from_numpy(~hidden)][: 20 * SIZE[1]].float().mean() > 0.9
    assert kept[0, torch.from_numpy(hidden)].float().mean() < 0.5


def test_a_frame_with_few_hidden_pixels_stays_interpolated(
    textures: TemporalMatcher, anchor: MatchedState
) -> None:
    hidden = np.zeros(SIZE, np.bool_)
    hidden[20:36, 30:48] = True  # 4 % of the frame
    found = motion(textures, view(), view(), 0.0, hidden)
    assert isinstance(follow(textures, anchor, found, view(1)), Interpolated)


def test_a_new_scene_is_matched_like_a_first_frame(
    textures: TemporalMatcher, anchor: MatchedState
) -> None:
    photo = skimage.data.astronaut()[100 : 100 + SIZE[0], 200 : 200 + SIZE[1]]
    other = torch.from_numpy(photo.astype(np.float32) / 255).permute(2, 0, 1)[None].contiguous()
    found = estimate_motion(textures.motion_luma(view()), textures.motion_luma(other))
    frame = follow(textures, anchor, found, other)
    alone = textures.begin(other)
    assert isinstance(frame, MatchedState)
    assert torch.equal(frame.ab, alone.ab)
    assert torch.equal(frame.fields["a_prime"], alone.fields["a_prime"])
    next_anchor = textures.anchor(anchor, [found], other)
    assert torch.equal(next_anchor.ab, alone.ab)
    assert next_anchor.from_origin is None


def test_an_anchor_keeps_most_matches_and_its_motion_from_the_origin(
    textures: TemporalMatcher, anchor: MatchedState
) -> None:
    now = view(4)
    found = estimate_motion(textures.motion_luma(view()), textures.motion_luma(now))
    following = textures.anchor(anchor, [found], now)
    assert following.from_origin is not None
    assert abs(np.median(following.from_origin.backward[INNER[1:]][..., 0]) - 4.0) < 0.2
    moved = following.ab[..., 16:-16, 16:-20] - anchor.ab[..., 16:-16, 20:-16]
    assert (moved.abs().amax(dim=1) < 1.5).float().mean() > 0.6
    alone = textures.begin(now).ab
    apart = alone[..., 16:-16, 16:-20] - anchor.ab[..., 16:-16, 20:-16]
    assert moved.abs().mean() < 0.5 * apart.abs().mean()


def test_noise_does_not_move_a_still_frame(textures: TemporalMatcher, anchor: MatchedState) -> None:
    noise = np.random.default_rng(2).normal(0, 2 / 255, (1, 3, *SIZE)).astype(np.float32)
    now = view() + torch.from_numpy(noise)
    found = estimate_motion(textures.motion_luma(view()), textures.motion_luma(now))
    clean = textures.clean_motion(FromAnchor(anchor, found), now).motion
    assert np.abs(found.backward).max() > 0.01
    assert np.abs(clean.backward).mean() < 0.1 * np.abs(found.backward).mean()


@pytest.mark.parametrize(("gain", "refreshed"), [(1.0, False), (0.7, True)])
def test_colours_are_refreshed_only_when_the_light_changes(
    colours: TemporalMatcher, gain: float, refreshed: bool
) -> None:
    first, now = colours.begin(view()), view(4, gain)
    motions = [motion(colours, view(), now, 4.0)]
    following = colours.anchor(first, motions, now)
    found, _ = motion_between_anchors(None, motions)
    carried = interpolate(FromAnchor(first, found), None, (1, 0))
    grids = first.colours["a_prime"].grid, None
    cells = first.colours["a_prime"].cells
    grid, confidence = carried.carry_mixed_grid(grids, cells, "domain", SIZE)
    known = (confidence > 0.99)[:, :, None].expand_as(grid)
    change = (following.colours["a_prime"].grid - grid)[known].abs().mean()
    assert float(change) > 0.003 if refreshed else float(change) < 0.0005


def test_outputs_between_two_anchors_are_mixed_by_their_distance(
    colours: TemporalMatcher,
) -> None:
    first, last = colours.begin(view()), colours.begin(view(2, 0.7))
    middle = view(1, 0.85)
    to_middle = motion(colours, view(), middle, 1.0)
    from_last = motion(colours, middle, view(2, 0.7), 1.0).reversed()
    means = []
    for ages in ((1, 3), (2, 2), (3, 1)):
        frame = interpolate(FromAnchor(first, to_middle), FromAnchor(last, from_last), ages)
        means.append(float(picture(colours, middle, frame)[INNER].mean()))
    ends = [
        float(picture(colours, middle, interpolate(FromAnchor(s, m), None, (1, 0)))[INNER].mean())
        for s, m in ((first, to_middle), (last, from_last))
    ]
    assert means == sorted(means, reverse=ends[0] > ends[1])
    assert means[1] == pytest.approx(sum(ends) / 2, abs=0.2 * abs(ends[0] - ends[1]) + 1e-3)


def test_frames_are_followed_at_two_scales(
    network: FeatureExtractor, reference: EncodedPicture
) -> None:
    config = replace(CONFIG, refine="none", ratio=0.5, min_side_px=2 * SIZE[0], two_scales=True)
    encoded = encode_picture(network, reference.image, config)
    matcher = TemporalMatcher(network, encoded, config, ("a_prime",))
    first = matcher.begin(view())
    assert first.ab.shape[2:] == encoded.size(1) == matching_size(*SIZE, config)
    hidden = np.zeros(SIZE, bool)
    hidden[:, SIZE[1] // 2 :] = True
    again = follow(matcher, first, motion(matcher, view(), view(gain=0.98), 0.0, hidden), view())
    assert isinstance(again, MatchedState)
    seen = again.ab[..., : first.ab.shape[3] // 3]
    assert torch.equal(seen, first.ab[..., : first.ab.shape[3] // 3])  # kept where it is seen
    assert (
        float((picture(matcher, view(), again) - picture(matcher, view(), first)).abs().mean())
        < 0.1
    )

"""Summaries of answers, computed by hand, and answers that must be rejected."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from batch_analogy.errors import InputError, UsageError
from batch_analogy.report.study.answers import Answers, Ranking, read_all
from batch_analogy.report.study.results import summarise_answers
from batch_analogy.report.study.study_key import StudyKey, make_key
from tests.support.comparison import CASES, METHODS, write_comparison

S, N, D = METHODS


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> StudyKey:
    return make_key(write_comparison(tmp_path_factory.mktemp("compared")), METHODS, "Which?")


def answers(*people: list[tuple[str, ...]], moves: int = 1) -> list[Answers]:
    """Return answers of people with these rankings of the first cases."""
    return [
        Answers(
            Path(f"{n}.json"),
            "s",
            str(n),
            tuple(Ranking(CASES[k], order, moves, 1.0) for k, order in enumerate(orders)),
        )
        for n, orders in enumerate(people)
    ]


def test_ranks_and_pairs_by_hand(key: StudyKey) -> None:
    """Three people, two cases each: S is first in four of six, N in two."""
    tally = summarise_answers(
        key, answers([(S, N, D), (S, D, N)], [(S, N, D), (N, S, D)], [(N, S, D)] * 1)
    )
    assert (tally.people, tally.orders, tally.incomplete) == (3, 5, 3)
    first = tally.methods[0]
    assert (first.method, first.ranks, first.first_share) == (S, (3, 2, 0), 3 / 5)
    assert first.mean_rank == (1 + 1 + 1 + 2 + 2) / 5
    assert [m.mean_rank for m in tally.methods] == [7 / 5, 9 / 5, 14 / 5]
    pair = next(p for p in tally.pairs if {p.better, p.worse} == {S, N})
    assert (pair.better, pair.wins, pair.losses) == (S, 3, 2)
    assert (pair.people_for, pair.people_against, pair.people_even) == (1, 1, 1)
    assert tally.by_case[CASES[1]] == {S: 1.5, N: 2.0, D: 2.5}


def test_the_sign_test_counts_people_not_rankings(key: StudyKey) -> None:
    """Three rankings of one person are not significant; eight people who agree are."""
    alone = summarise_answers(key, answers([(S, N, D)] * 3))
    assert [pair.p_value for pair in alone.pairs] == [1.0] * 3
    assert alone.friedman_p is None
    eight = summarise_answers(key, answers(*[[(S, N, D)]] * 8))
    assert [pair.p_value for pair in eight.pairs] == pytest.approx([2 * 0.5**8] * 3)
    assert [pair.p_adjusted for pair in eight.pairs] == pytest.approx([6 * 0.5**8] * 3)
    assert all(pair.significant for pair in eight.pairs)
    assert eight.friedman_statistic == pytest.approx(2 * 8)  # its largest: people × (methods - 1)
    assert eight.friedman_p == pytest.approx(stats.chi2.sf(16, 2))


def test_holm_by_hand(key: StudyKey) -> None:
    """Seven people: D is last for all, S before N for five of them."""
    tally = summarise_answers(key, answers(*[[(S, N, D)]] * 5, *[[(N, S, D)]] * 2))
    raw = {(p.better, p.worse): p.p_value for p in tally.pairs}
    assert raw[S, D] == raw[N, D] == pytest.approx(2 * 0.5**7)
    assert raw[S, N] == pytest.approx(2 * (1 + 7 + 21) * 0.5**7)
    adjusted = {(p.better, p.worse): p.p_adjusted for p in tally.pairs}
    assert adjusted[S, D] == pytest.approx(3 * 2 * 0.5**7)
    assert adjusted[S, N] == raw[S, N]


def test_balanced_rankings_are_not_significant(key: StudyKey) -> None:
    tally = summarise_answers(
        key, answers(*[[order] for order in itertools.permutations(METHODS)], moves=0)
    )
    assert [m.mean_rank for m in tally.methods] == [2.0] * 3
    assert tally.friedman_p == pytest.approx(1.0)
    assert not any(pair.significant for pair in tally.pairs)
    assert tally.untouched == 6
    json.dumps(tally.to_json())


def test_no_test_without_preferences(key: StudyKey) -> None:
    tally = summarise_answers(key, answers(*[[(S, N, D), (D, N, S)]] * 2))
    assert tally.friedman_p is None
    assert all(pair.p_value is None for pair in tally.pairs)


def saved(path: Path, key: StudyKey, person: str = "p", **changes: Any) -> Path:
    """Write answers as the page saves them, every case in the key's order."""
    entries = [
        {
            "case": case.id, "shown": list(case.methods), "ranked": list(case.methods),
            "moves": 2, "seconds": 3.5,
        }
        for case in key.cases
    ]  # fmt: skip
    values = {
        "kind": "batch-analogy study answers", "format": 1, "study": key.study, "person": person,
        "seed": 1, "answers": entries, **changes,
    }  # fmt: skip
    path.write_text(json.dumps(values))
    return path


def test_reads_saved_answers(key: StudyKey, tmp_path: Path) -> None:
    paths = [saved(tmp_path / f"{n}.json", key, f"p{n}") for n in range(2)]
    found_key, found = read_all(paths, {key.study: key})
    assert found_key is key
    assert [one.person for one in found] == ["p0", "p1"]
    assert found[0].rankings[0] == Ranking(CASES[0], METHODS, 2, 3.5)
    paths[0].write_bytes(b"\xef\xbb\xbf" + paths[0].read_bytes())  # pasted into an editor
    assert read_all(paths, {key.study: key}) == (found_key, found)


def test_rejects_two_files_of_one_person(key: StudyKey, tmp_path: Path) -> None:
    paths = [saved(tmp_path / f"{n}.json", key) for n in range(2)]
    with pytest.raises(UsageError, match=r"0\.json and .*1\.json are from the same person"):
        read_all(paths, {key.study: key})


def test_rejects_answers_of_two_studies(key: StudyKey, tmp_path: Path) -> None:
    paths = [saved(tmp_path / "0.json", key), saved(tmp_path / "1.json", key, study="other")]
    with pytest.raises(UsageError, match=r"to 2 studies.*study other: .*1\.json"):
        read_all(paths, {key.study: key})
    with pytest.raises(UsageError, match=r"answers study other, which was not made"):
        read_all(paths[1:], {key.study: key})


BROKEN = {
    "another format": ({"format": 2}, "has format 2"),
    "no person": ({"person": ""}, "no person"),
    "no answers": ({"answers": []}, "has no answers"),
    "something else": ({"kind": "recipe"}, "no answers of a study"),
    "an unknown case": ({"answers": [{"case": "x"}]}, "unknown or repeated case"),
    "no object": ({"answers": [7]}, "unknown or repeated case"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_rejects_damaged_files(case: str, key: StudyKey, tmp_path: Path) -> None:
    changes, words = BROKEN[case]
    path = saved(tmp_path / "a.json", key, **changes)
    with pytest.raises(InputError, match=words):
        read_all([path], {key.study: key})


def test_rejects_an_order_without_one_picture(key: StudyKey, tmp_path: Path) -> None:
    case = key.cases[0]
    for ranked in (list(case.methods)[:2], [*list(case.methods)[:2], "x"], "abc", [1, 2, 3], [[]]):
        entry = {"case": case.id, "ranked": ranked, "moves": 0, "seconds": 1}
        path = saved(tmp_path / "a.json", key, answers=[entry])
        with pytest.raises(InputError, match=f"order of {case.name} does not contain each"):
            read_all([path], {key.study: key})


def test_rejects_truncated_and_missing_files(key: StudyKey, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.json", key)
    path.write_text(path.read_text()[:-40])
    with pytest.raises(InputError, match="truncated"):
        read_all([path], {key.study: key})
    path.write_text("[" * 100_000)
    with pytest.raises(InputError, match="not valid JSON"):
        read_all([path], {key.study: key})
    with pytest.raises(InputError, match="cannot read"):
        read_all([tmp_path / "none.json"], {key.study: key})

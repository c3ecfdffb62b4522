"""Summarise a study: mean ranks, first places, pairwise wins, and statistical tests.

The tests count people, not answers: ten cases ranked by two people are not twenty independent
opinions. A person prefers X to Y if X precedes Y in more of their cases.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from batch_analogy.report.study.answers import Answers, Ranking
from batch_analogy.report.study.study_key import StudyKey

SIGNIFICANT = 0.05
MIN_FRIEDMAN_METHODS = 3  # two methods are compared by the sign test


@dataclass(frozen=True)
class MethodResult:
    """Ranks of one method."""

    method: str
    mean_rank: float  # 1: always first
    first_share: float  # share of rankings in which it is first
    ranks: tuple[int, ...]  # number of rankings at each rank, from first to last


@dataclass(frozen=True)
class PairResult:
    """Comparison of two methods."""

    better: str  # precedes the other in more rankings
    worse: str
    wins: int  # rankings in which the better one comes first
    losses: int
    people_for: int  # people who prefer the better one
    people_against: int
    people_even: int
    p_value: float | None  # two-sided sign test over people; None: nobody prefers either
    p_adjusted: float | None  # Holm's correction over all pairs

    @property
    def significant(self) -> bool:
        """True if the adjusted p-value is below 0.05."""
        return self.p_adjusted is not None and self.p_adjusted < SIGNIFICANT


@dataclass(frozen=True)
class StudyResult:
    """Results of a study."""

    study: str
    people: int
    orders: int  # rankings
    untouched: int  # rankings that were confirmed as they were shown
    incomplete: int  # people who did not rank all cases
    methods: tuple[MethodResult, ...]  # the lowest mean rank first
    pairs: tuple[PairResult, ...]
    friedman_statistic: float | None  # over people's mean ranks; None: too few people or methods
    friedman_p: float | None
    by_case: Mapping[str, Mapping[str, float]]  # case → method → mean rank

    def to_json(self) -> dict[str, Any]:
        """Return the results as JSON values."""
        return {
            "kind": "batch-analogy study result",
            "format": 1,
            "study": self.study,
            "people": self.people,
            "orders": self.orders,
            "untouched_orders": self.untouched,
            "incomplete_people": self.incomplete,
            "tests_count": "people",
            "methods": [vars(method) | {"ranks": list(method.ranks)} for method in self.methods],
            "pairs": [vars(pair) | {"significant": pair.significant} for pair in self.pairs],
            "friedman": {"statistic": self.friedman_statistic, "p_value": self.friedman_p},
            "mean_rank_by_case": {case: dict(ranks) for case, ranks in self.by_case.items()},
        }


def summarise_answers(key: StudyKey, answers: Sequence[Answers]) -> StudyResult:
    """Summarise a study.

    Args:
        key: of the study. answers: of at least one person, each person once.

    Source: Friedman 1937; the sign test with ties left out (Dixon and Mood 1946); Holm 1979.
    """
    rankings = [ranking for one in answers for ranking in one.rankings]
    methods = sorted(
        (_method_result(method, rankings, len(key.methods)) for method in key.methods),
        key=lambda result: result.mean_rank,
    )
    order = [result.method for result in methods]
    pairs = [_pair_result(x, y, answers) for x, y in itertools.combinations(order, 2)]
    statistic, p_value = _friedman(order, answers)
    return StudyResult(
        study=key.study,
        people=len(answers),
        orders=len(rankings),
        untouched=sum(ranking.moves == 0 for ranking in rankings),
        incomplete=sum(len(one.rankings) < len(key.cases) for one in answers),
        methods=tuple(methods),
        pairs=tuple(_adjusted(pairs)),
        friedman_statistic=statistic,
        friedman_p=p_value,
        by_case={
            case: {method: _mean_rank(method, of_case) for method in order}
            for case in (c.name for c in key.cases)
            if (of_case := [ranking for ranking in rankings if ranking.case == case])
        },
    )


def _method_result(method: str, rankings: Sequence[Ranking], count: int) -> MethodResult:
    indices = [ranking.methods.index(method) for ranking in rankings]
    ranks = tuple(indices.count(index) for index in range(count))
    return MethodResult(method, _mean_rank(method, rankings), ranks[0] / len(rankings), ranks)


def _mean_rank(method: str, rankings: Sequence[Ranking]) -> float:
    return float(np.mean([ranking.methods.index(method) + 1 for ranking in rankings]))


def _pair_result(x: str, y: str, answers: Sequence[Answers]) -> PairResult:
    from scipy import stats  # takes half a second

    margins = [sum(_before(x, y, ranking) for ranking in one.rankings) for one in answers]
    orders = sum(len(one.rankings) for one in answers)
    wins = (orders + sum(margins)) // 2
    better, worse = (x, y) if 2 * wins >= orders else (y, x)
    if better == y:
        wins, margins = orders - wins, [-margin for margin in margins]
    people_for, against = (sum(sign * margin > 0 for margin in margins) for sign in (1, -1))
    prefer = people_for + against
    p_value = float(stats.binomtest(people_for, prefer).pvalue) if prefer else None
    even = len(answers) - prefer
    return PairResult(
        better, worse, wins, orders - wins, people_for, against, even, p_value, p_value
    )


def _before(x: str, y: str, ranking: Ranking) -> int:
    """Return 1 if x precedes y, else -1."""
    return 1 if ranking.methods.index(x) < ranking.methods.index(y) else -1


def _adjusted(pairs: Sequence[PairResult]) -> list[PairResult]:
    """Adjust p-values for all pairs with Holm's method."""
    tested = sorted(
        (pair.p_value, index) for index, pair in enumerate(pairs) if pair.p_value is not None
    )
    adjusted: dict[int, float] = {}
    highest = 0.0
    for rank, (p_value, index) in enumerate(tested):
        highest = max(highest, min(1.0, p_value * (len(tested) - rank)))
        adjusted[index] = highest
    return [
        PairResult(**(vars(pair) | {"p_adjusted": adjusted.get(index)}))
        for index, pair in enumerate(pairs)
    ]


def _friedman(
    methods: Sequence[str], answers: Sequence[Answers]
) -> tuple[float | None, float | None]:
    """Compute Friedman's statistic and p-value over people's mean ranks; None if not applicable."""
    from scipy import stats

    means = np.array([[_mean_rank(m, one.rankings) for one in answers] for m in methods])
    if len(methods) < MIN_FRIEDMAN_METHODS or len(answers) < 2 or np.allclose(means, means[0]):
        return None, None
    found = stats.friedmanchisquare(*means)
    return float(found.statistic), float(found.pvalue)

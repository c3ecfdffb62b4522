"""Adding up what people ranked: mean ranks, first places, who beats whom, and whether by chance.

Tests count people, not answers: one person's answers go together, and ten cases ranked by two
people are not twenty opinions. A person prefers X to Y if X stands before Y in more of their cases.
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
LEAST_FOR_FRIEDMAN = 3  # methods; two are what the sign test is for


@dataclass(frozen=True)
class MethodResult:
    """How one method was ranked."""

    method: str
    mean_rank: float  # 1: always first
    first_share: float  # of all orders
    ranks: tuple[int, ...]  # how often at each place, the first to the last


@dataclass(frozen=True)
class PairResult:
    """One method against another."""

    better: str  # stands before the other in more orders
    worse: str
    wins: int  # orders in which it does
    losses: int
    people_for: int  # who place it first more often than not
    people_against: int
    people_even: int
    p_value: float | None  # two-sided sign test over people; None: nobody prefers either
    p_adjusted: float | None  # after Holm, over all pairs

    @property
    def significant(self) -> bool:
        """Whether chance makes such a difference in fewer than one in twenty studies."""
        return self.p_adjusted is not None and self.p_adjusted < SIGNIFICANT


@dataclass(frozen=True)
class StudyResult:
    """A whole study."""

    study: str
    people: int
    orders: int
    untouched: int  # orders that were confirmed as they were shown
    incomplete: int  # people who did not order all cases
    methods: tuple[MethodResult, ...]  # the lowest mean rank first
    pairs: tuple[PairResult, ...]
    friedman_statistic: float | None  # over people's mean ranks; None: too few people or methods
    friedman_p: float | None
    by_case: Mapping[str, Mapping[str, float]]  # case → method → mean rank

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
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
    """Add up a study.

    Args:
        key: the study. answers: at least one person's, each person once.

    Source: Friedman 1937; the sign test with ties left out (Dixon and Mood 1946); Holm 1979.
    """
    rankings = [ranking for one in answers for ranking in one.rankings]
    methods = sorted(
        (_method(method, rankings, len(key.methods)) for method in key.methods),
        key=lambda tally: tally.mean_rank,
    )
    order = [tally.method for tally in methods]
    pairs = [_pair(x, y, answers) for x, y in itertools.combinations(order, 2)]
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
            case: {method: _mean_rank(method, those) for method in order}
            for case in (c.name for c in key.cases)
            if (those := [ranking for ranking in rankings if ranking.case == case])
        },
    )


def _method(method: str, rankings: Sequence[Ranking], count: int) -> MethodResult:
    places = [ranking.methods.index(method) for ranking in rankings]
    ranks = tuple(places.count(place) for place in range(count))
    return MethodResult(method, _mean_rank(method, rankings), ranks[0] / len(rankings), ranks)


def _mean_rank(method: str, rankings: Sequence[Ranking]) -> float:
    return float(np.mean([ranking.methods.index(method) + 1 for ranking in rankings]))


def _pair(x: str, y: str, answers: Sequence[Answers]) -> PairResult:
    from scipy import stats  # half a second

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
    """1 where x stands before y, else -1."""
    return 1 if ranking.methods.index(x) < ranking.methods.index(y) else -1


def _adjusted(pairs: Sequence[PairResult]) -> list[PairResult]:
    """The same with p-values that hold for all pairs together, after Holm."""
    tested = sorted(
        (pair.p_value, place) for place, pair in enumerate(pairs) if pair.p_value is not None
    )
    adjusted: dict[int, float] = {}
    highest = 0.0
    for rank, (p_value, place) in enumerate(tested):
        highest = max(highest, min(1.0, p_value * (len(tested) - rank)))
        adjusted[place] = highest
    return [
        PairResult(**(vars(pair) | {"p_adjusted": adjusted.get(place)}))
        for place, pair in enumerate(pairs)
    ]


def _friedman(
    methods: Sequence[str], answers: Sequence[Answers]
) -> tuple[float | None, float | None]:
    """Friedman's statistic and p-value over people's mean ranks; None where it says nothing."""
    from scipy import stats

    means = np.array([[_mean_rank(m, one.rankings) for one in answers] for m in methods])
    if len(methods) < LEAST_FOR_FRIEDMAN or len(answers) < 2 or np.allclose(means, means[0]):
        return None, None
    found = stats.friedmanchisquare(*means)
    return float(found.statistic), float(found.pvalue)

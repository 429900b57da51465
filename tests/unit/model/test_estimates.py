"""Confidence limits agree with textbooks, with exact computations and with brute force."""

import itertools
import math
from collections.abc import Sequence
from random import Random
from statistics import NormalDist, fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.model import estimates, serve
from bootstrap.model.estimates import Estimate, bootstrap, estimate, holm, p_value, proportion, reported, spread, worst

# Efron and Tibshirani (1993), table 14.1: spatial test data, test A.
TEST_A = (48, 36, 20, 29, 42, 42, 20, 42, 22, 41, 45, 14, 6, 0, 33, 28, 34, 4, 32, 24, 47, 41, 24, 26, 30, 41)


def variance(means: Sequence[float]) -> float:
    return means[1] - means[0] ** 2


def level_without_expansion(share: float, rows: int) -> float:
    """The level whose limit is the quantile `share` of the resamples, without the expansion for few rows."""
    wanted = NormalDist().inv_cdf(share)
    low, high = -5.0, 5.0
    for _ in range(60):
        middle = (low + high) / 2
        expanded = estimates._student(middle, rows - 1) * math.sqrt(rows / (rows - 1))
        low, high = (middle, high) if expanded < wanted else (low, middle)
    return NormalDist().cdf(low)


def test_bootstrap_gives_the_textbooks_intervals() -> None:
    """Table 14.2: of the variance, 171.5, the percentile interval at 90 % is 100.8 to 233.9, BCa's 115.8 to 259.6."""
    found = bootstrap([(float(one), float(one**2)) for one in TEST_A], variance)

    assert found.value == pytest.approx(171.5, abs=0.1)
    low, high = (found.limit(level_without_expansion(share, len(TEST_A))) for share in (0.05, 0.95))
    assert low == pytest.approx(100.8, rel=0.05)  # the outer of both ends
    assert high == pytest.approx(259.6, rel=0.05)


def test_bootstrap_of_a_mean_of_few_normal_rows_is_as_wide_as_students() -> None:
    random = Random(5)
    rows = [random.gauss(0, 1) for _ in range(20)]
    middle = fmean(rows)
    error = math.sqrt(sum((one - middle) ** 2 for one in rows) / 19 / 20)

    found = bootstrap([(one,) for one in rows], lambda means: means[0])

    assert found.limit(0.975) - middle == pytest.approx(2.093 * error, rel=0.08)
    assert middle - found.limit(0.025) == pytest.approx(2.093 * error, rel=0.08)


def test_blocks_of_many_rows_give_the_limits_of_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(6)
    rows = [(random.expovariate(1),) for _ in range(5000)]
    in_blocks = bootstrap(sorted(rows), lambda means: means[0])
    monkeypatch.setattr(estimates, "_BLOCKS", 5000)
    monkeypatch.setattr(estimates, "RESAMPLES", 2000)

    one_by_one = bootstrap(rows, lambda means: means[0])

    for level in (0.01, 0.025, 0.975, 0.99):
        ends = [found.limit(level) - found.value for found in (in_blocks, one_by_one)]
        assert ends[0] == pytest.approx(ends[1], rel=0.12)


def test_same_rows_give_the_same_limits() -> None:
    random = Random(7)
    rows = [(random.gauss(0, 1),) for _ in range(50)]

    first, second = (bootstrap(rows, lambda means: means[0]).limit(0.99) for _ in range(2))

    assert first == second


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    # Exact intervals of 95 % by Clopper and Pearson.
    [(8, 10, 0.44390, 0.97479), (0, 20, 0.0, 0.16843), (20, 20, 0.83157, 1.0), (81, 263, 0.25271, 0.36763)],
)
def test_proportion_has_exact_limits(right: int, count: int, low: float, high: float) -> None:
    found = proportion(right, count)

    assert (found.limit(0.025), found.limit(0.975)) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 60), st.data(), st.floats(0.02, 0.98))
def test_binomial_tail_is_the_sum_of_its_terms(count: int, data: st.DataObject, share: float) -> None:
    right = data.draw(st.integers(1, count))
    terms = (math.comb(count, one) * share**one * (1 - share) ** (count - one) for one in range(right, count + 1))

    assert estimates.at_least(right, count, share) == pytest.approx(math.fsum(terms), rel=1e-9, abs=1e-12)


def test_limit_of_a_percentile_is_an_order_statistic() -> None:
    # Of 200 values, 196 or more are below the 95th percentile with 2.6 %, 197 or more with 0.9 %.
    assert serve._high([float(one) for one in range(200, 0, -1)]) == 197


def accuracies(gained: int, lost: int, both: int, neither: int = 0) -> Estimate:
    """The difference of two accuracies with these numbers of rows that one, the other, both or none has right."""
    likely, unlikely = 0.1, 2.0  # log losses of a right and of a wrong class
    rows = [(likely, unlikely)] * gained + [(unlikely, likely)] * lost + [(likely, likely)] * both
    rows += [(unlikely, unlikely)] * neither
    ours, theirs = zip(*rows, strict=True)
    return estimate("accuracy", [1.0] * len(rows), ours, theirs)


@pytest.mark.parametrize(("gained", "lost"), [(9, 1), (7, 2), (15, 5), (6, 0)])
def test_better_accuracy_has_the_p_value_of_the_exact_mcnemar_test(gained: int, lost: int) -> None:
    rows = gained + lost
    exact = sum(math.comb(rows, one) for one in range(gained, rows + 1)) / 2**rows

    found = accuracies(gained, lost, 200)

    assert found.value == (gained - lost) / (200 + rows)
    assert p_value(lambda error: found.limit(error) > 0) == pytest.approx(exact, rel=1e-3)


def score_by_brute_force(gained: int, lost: int, count: int, difference: float) -> float:
    """The score statistic with the most likely share of lost rows, found on a grid."""
    shares = [number / 20_000 for number in range(1, 20_000)]
    possible = [one for one in shares if one + difference > 0 and 2 * one + difference < 1]

    def likelihood(share: float) -> float:
        more = share + difference
        return gained * math.log(more) + lost * math.log(share) + (count - gained - lost) * math.log(1 - share - more)

    share = max(possible, key=likelihood)
    variance = count * (2 * share + difference - difference**2)
    return (gained - lost - count * difference) / math.sqrt(variance)


@pytest.mark.parametrize(("gained", "lost", "count", "level"), [(10, 12, 200, 0.99), (30, 20, 150, 0.01)])
def test_limit_of_accuracies_inverts_the_score_test(gained: int, lost: int, count: int, level: float) -> None:
    limit = accuracies(gained, lost, count - gained - lost).limit(level)
    quantile = NormalDist().inv_cdf(level)

    # The outer of this limit and of the exact one is at least this far away.
    assert abs(score_by_brute_force(gained, lost, count, limit)) >= abs(quantile) * 0.995
    assert abs(score_by_brute_force(gained, lost, count, limit)) == pytest.approx(abs(quantile), rel=0.15)


def test_equal_accuracies_of_few_rows_may_differ() -> None:
    truth, ours, theirs = [1.0] * 50, [0.1] * 50, [0.2] * 50

    found = estimate("accuracy", truth, ours, theirs)

    assert (found.value, found.limit(0.025)) == pytest.approx((0, -3.84 / 53.84), abs=0.001)


def test_equal_losses_have_no_difference() -> None:
    for metric in ("accuracy", "roc_auc", "log_loss", "brier"):
        found = estimate(metric, [1.0, 0.0] * 20, [0.1, 0.3] * 20, [0.1, 0.3] * 20)
        assert (found.limit(0.001), found.value, found.limit(0.999)) == (0, 0, 0)


def areas(rows: int = 200, seed: int = 8) -> tuple[list[float], list[float], list[float]]:
    random = Random(seed)
    truth = [float(random.random() < 0.4) for _ in range(rows)]
    columns = []
    for separation in (1.0, 0.5):
        scores = [separation * (2 * one - 1) + random.gauss(0, 1) for one in truth]
        columns.append(
            [math.log1p(math.exp(-score if one else score)) for one, score in zip(truth, scores, strict=True)]
        )
    return truth, columns[0], columns[1]


def test_area_has_delongs_variance() -> None:
    """The variance by the definition: over pairs, from the structural components of both classes."""
    truth, ours, theirs = areas()

    def components(losses: Sequence[float]) -> tuple[float, list[float], list[float]]:
        ones = [math.exp(-loss) for loss, one in zip(losses, truth, strict=True) if one]
        zeros = [1 - math.exp(-loss) for loss, one in zip(losses, truth, strict=True) if not one]
        return (
            fmean(one > zero for one, zero in itertools.product(ones, zeros)),
            [fmean(one > zero for zero in zeros) for one in ones],
            [fmean(one > zero for one in ones) for zero in zeros],
        )

    (area, *parts), (other, *others) = components(ours), components(theirs)
    variance = 0.0
    for mine, their in zip(parts, others, strict=True):
        differences = [one - two - (area - other) for one, two in zip(mine, their, strict=True)]
        variance += sum(one**2 for one in differences) / (len(differences) - 1) / len(differences)

    found = estimate("roc_auc", truth, ours, theirs)

    assert found.value == pytest.approx(area - other)
    assert found.limit(0.975) - found.value == pytest.approx(1.96 * math.sqrt(variance), rel=0.03)


def test_limits_of_an_area_stay_within_zero_and_one() -> None:
    truth, ours, _ = areas(60)
    perfect = estimate("roc_auc", [1.0, 0.0] * 30, [0.1, 0.2] * 30)

    assert 0 < estimate("roc_auc", truth, ours).limit(1e-6) < estimate("roc_auc", truth, ours).limit(1 - 1e-6) < 1
    assert (perfect.value, perfect.limit(0.975)) == (1, 1)
    assert perfect.limit(0.025) == pytest.approx(0.025 ** (1 / 30))


def test_area_of_one_class_has_no_value() -> None:
    assert math.isnan(estimate("roc_auc", [1.0] * 30, [0.1] * 30).value)


def test_reported_interval_is_scaled_to_other_levels() -> None:
    found = reported(5, 3, 6, 0.95)

    assert found.limit(0.975) == pytest.approx(6)
    assert found.limit(0.025) == pytest.approx(3)
    assert found.limit(0.995) == pytest.approx(5 + 2.5758 / 1.96, rel=1e-3)


def normal(value: float, error: float) -> Estimate:
    return Estimate(value, "normal", lambda level: value + error * NormalDist().inv_cdf(level))


def test_spread_of_groups_is_the_normal_interval_of_normal_groups() -> None:
    groups = {"a": normal(10, 3), "b": normal(4, 4), "c": normal(6, 1)}

    found = spread(groups, ratio=False)

    assert found.value == 6
    assert found.limit(0.975) == pytest.approx(6 + 1.96 * 5, rel=1e-3)


def test_ratio_of_groups_needs_positive_values() -> None:
    assert spread({"a": normal(12, 1e-3), "b": normal(10, 1e-3)}, ratio=True).limit(0.975) == pytest.approx(
        1.2, abs=1e-3
    )
    assert spread({"a": normal(12, 1), "b": normal(10, 9)}, ratio=True).limit(0.975) == math.inf
    assert math.isnan(spread({"a": normal(1, 1), "b": normal(-1, 1)}, ratio=True).value)
    assert math.isnan(spread({"a": normal(1, 1)}, ratio=False).value)


def test_worst_group_has_the_farthest_limit() -> None:
    found = worst([normal(10, 1), normal(9, 5)], largest=True)

    assert (found.value, found.limit(0.975)) == pytest.approx((10, 9 + 5 * 1.96), rel=1e-3)


def test_holm_shares_the_error_probability() -> None:
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})

    assert {name: round(p, 4) for name, (p, _) in found.items()} == {"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06}
    assert [left for _, left in found.values()] == [4, 3, 2, 1]


@given(st.floats(-3, 3), st.floats(0.1, 2))
def test_p_value_of_a_normal_estimate_is_its_tail(value: float, error: float) -> None:
    p = p_value(lambda share: normal(value, error).limit(1 - share) <= 1)

    assert p == pytest.approx(1 - NormalDist().cdf((1 - value) / error), rel=1e-3, abs=1e-9)


@given(
    st.sampled_from(["mse", "rmse", "mae", "r2"]),
    st.lists(st.tuples(st.floats(-5, 5), st.floats(0, 9), st.floats(0, 9)), min_size=3, max_size=8),
)
def test_limits_grow_with_their_level(metric: str, rows: list[tuple[float, float, float]]) -> None:
    truth, ours, theirs = (list(column) for column in zip(*rows, strict=True))
    found = estimate(metric, truth, ours, theirs)

    limits = [found.limit(level) for level in (0.01, 0.2, 0.5, 0.8, 0.99)]

    assert all(math.isnan(one) for one in limits) or limits == sorted(limits)

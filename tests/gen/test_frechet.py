import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen.errors import MetricError
from gen.frechet import frechet_distance, gaussian_distance, kernel_distance


def drawn(count, size, seed, *, mean=0.0, scale=1.0):
    return mean + scale * np.random.default_rng(seed).standard_normal((count, size))


seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(2, 40), st.integers(1, 12))
def test_a_set_is_nowhere_from_itself(seed, count, size):
    vectors = drawn(count, size, seed)
    assert frechet_distance(vectors, vectors) == pytest.approx(0, abs=1e-6 * size)


@settings(max_examples=30, deadline=None)
@given(seeds, seeds, st.integers(2, 12))
def test_both_ways_are_equally_far(seed, other, size):
    one, two = drawn(30, size, seed), drawn(20, size, other, mean=0.3, scale=2)
    assert frechet_distance(one, two) == pytest.approx(frechet_distance(two, one), rel=1e-6)
    assert kernel_distance(one, two, 2.0) == pytest.approx(kernel_distance(two, one, 2.0), rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_neither_place_nor_axes_matter(seed):
    one, two = drawn(50, 5, seed), drawn(60, 5, seed + 1, mean=0.5, scale=1.5)
    turn = np.linalg.qr(drawn(5, 5, seed + 2))[0]
    wanted = frechet_distance(one, two)
    assert frechet_distance(one @ turn + 3, two @ turn + 3) == pytest.approx(wanted, rel=1e-6)
    assert frechet_distance(2 * one, 2 * two) == pytest.approx(4 * wanted, rel=1e-6)


def test_gaussians_that_share_their_axes_have_a_closed_form():
    # Covariances that commute: |m - n|**2 + the squared differences of the deviations along each axis.
    axes = np.linalg.qr(drawn(4, 4, 1))[0]
    deviations, others = np.array([1.0, 2, 0.5, 0]), np.array([1.0, 1, 3, 0.2])
    mean, other = np.array([1.0, 0, 0, 2]), np.array([0.0, 0, 1, 0])
    one, two = ((axes * size**2) @ axes.T for size in (deviations, others))
    assert gaussian_distance(mean, one, other, two) == pytest.approx(6 + ((deviations - others) ** 2).sum(), abs=1e-6)


def test_gaussians_of_two_dimensions_have_a_closed_form():
    # tr (C D)**0.5 of 2x2 matrices is (tr C D + 2 det(C D)**0.5)**0.5, whether or not they commute.
    one, two = np.array([[2.0, 0.8], [0.8, 1.0]]), np.array([[0.5, -0.3], [-0.3, 3.0]])
    crossed = np.sqrt(np.trace(one @ two) + 2 * np.sqrt(np.linalg.det(one @ two)))
    wanted = np.trace(one) + np.trace(two) - 2 * crossed
    assert gaussian_distance(np.zeros(2), one, np.zeros(2), two) == pytest.approx(wanted, rel=1e-9)


def test_many_draws_come_near_what_their_gaussians_are_apart():
    # Deviation 1 against 2 in three dimensions, means 1 apart in each: 3 * 1 + 3 * (2 - 1)**2.
    found = frechet_distance(drawn(20000, 3, 1), drawn(20000, 3, 2, mean=1, scale=2))
    assert found == pytest.approx(6, rel=0.02)


def test_few_draws_make_it_too_large_as_it_says():
    size, count = 16, 800
    found = np.mean([frechet_distance(drawn(count, size, 2 * i), drawn(count, size, 2 * i + 1)) for i in range(12)])
    assert found == pytest.approx((size * (size + 1) / 2 + 2 * size) / count, rel=0.1)


def test_fewer_vectors_than_dimensions_are_no_numerical_trouble():
    assert np.isfinite(frechet_distance(drawn(5, 40, 1), drawn(6, 40, 2)))


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
def test_distance_grows_with_noise(distance):
    real = drawn(300, 8, 1)
    found = [distance(real[:150] + drawn(150, 8, 2, scale=level), real[150:]) for level in (0, 0.5, 1, 2, 4)]
    assert found == sorted(found)
    assert found[-1] > 10 * abs(found[0])


def test_kernel_distance_is_its_definition():
    one, two, width = drawn(4, 3, 1), drawn(5, 3, 2), 1.7

    def kernel(x, y):
        return np.exp(-((x - y) ** 2).sum() / (2 * width**2))

    def mean(xs, ys):
        return np.mean([kernel(x, y) for i, x in enumerate(xs) for j, y in enumerate(ys) if xs is not ys or i != j])

    wanted = mean(one, one) + mean(two, two) - 2 * mean(one, two)
    assert kernel_distance(one, two, width) == pytest.approx(wanted, rel=1e-9)


def test_kernel_distance_of_gaussians_has_a_closed_form():
    # For two of deviation 1 in d dimensions and bandwidth w, both means of kernels are (1 + 2 / w**2)**-d/2, and that
    # between them is smaller by exp(-|m|**2 / (2 (w**2 + 2))).
    size, width, apart = 3, 2.0, 1.5
    inner = (1 + 2 / width**2) ** (-size / 2)
    wanted = 2 * inner * (1 - np.exp(-(apart**2) * size / (2 * (width**2 + 2))))
    found = kernel_distance(drawn(3000, size, 1), drawn(3000, size, 2, mean=apart), width)
    assert found == pytest.approx(wanted, rel=0.05)


def test_kernel_distance_is_not_biased():
    found = [kernel_distance(drawn(12, 6, 2 * i), drawn(12, 6, 2 * i + 1), 3.0) for i in range(200)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))
    assert min(found) < 0 < max(found)


def test_the_bandwidth_follows_the_real_music():
    real, made = drawn(200, 4, 1, scale=100), drawn(200, 4, 2, scale=100, mean=80)
    assert kernel_distance(made, real) == pytest.approx(kernel_distance(made / 100, real / 100), rel=1e-6)


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (np.ones((1, 3)), np.ones((5, 3)), "2 or more"),
        (drawn(5, 3, 1), drawn(5, 4, 1), "one size"),
        (np.ones(5), np.ones(5), "2 or more"),
        (drawn(5, 3, 1), np.full((5, 3), np.nan), "NaN"),
    ],
)
def test_sets_that_cannot_be_compared_are_refused(one, other, said):
    for distance in (frechet_distance, kernel_distance):
        with pytest.raises(MetricError, match=said):
            distance(one, other)


def test_equal_vectors_have_no_bandwidth():
    with pytest.raises(MetricError, match="bandwidth"):
        kernel_distance(drawn(5, 3, 1), np.ones((5, 3)))

"""The arithmetic of the fused loop against numpy's and scipy's."""

import numpy as np
import pytest
from scipy.special import erfc, expit

from gen import compiled_lstm


def floats(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (7, 8), (33, 29), (1024, 512)])
def test_a_product_is_summed_from_the_first_column_to_the_last(rows, columns):
    matrix, vector = floats(columns, rows), floats(columns, seed=2)
    found = floats(rows, seed=3)
    compiled_lstm.multiply(matrix, vector, found)
    wanted = np.zeros(rows, np.float32)
    for column, factor in zip(matrix, vector, strict=True):
        wanted = wanted + column * factor  # each rounded by itself
    assert np.array_equal(found, wanted)


def test_the_hyperbolic_tangent_is_rounded_right():
    values = np.concatenate([np.linspace(-12, 12, 100_001), [0.0, 1e-30, 1e-6, -1e-6, 80.0, -np.inf, np.inf]])
    values = values.astype(np.float32)
    found = values.copy()
    compiled_lstm._tanh(found)
    wanted = np.tanh(values.astype(np.float64)).astype(np.float32)
    assert np.abs(found.astype(np.float64) - wanted).max() <= 6e-8  # one unit in the last place below 1
    assert np.mean(found != wanted) < 1e-3
    assert np.array_equal(found[[-3, -1]], [1, 1]) and found[-2] == -1


def test_gelu_is_scipys():
    values = np.linspace(-9, 9, 10_001).astype(np.float32)
    found, exact = values.copy(), values.astype(np.float64)
    compiled_lstm.gelu(found)
    wanted = 0.5 * exact * erfc(-exact * np.sqrt(0.5))
    np.testing.assert_allclose(found, wanted.astype(np.float32), rtol=1.2e-7, atol=0)


@pytest.mark.parametrize("bias", [-800.0, -1.0, 0.3, 800.0])
def test_the_likelihood_is_a_logistic_function(bias):
    context, weights = floats(40), floats(40, seed=2).astype(np.float64)
    found = compiled_lstm.likelihood(context, weights, bias)
    assert found == pytest.approx(expit(weights @ context + bias), rel=1e-12)

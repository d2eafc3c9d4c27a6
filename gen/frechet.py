"""How far one set of sounds is from another, by the embeddings of their windows.

Two distances of sets of vectors. The Fréchet distance (FAD: Kilgour et al. 2019, arXiv:1812.08466) takes each set for a
Gaussian. The kernel distance (KAD: Chung et al. 2025, arXiv:2502.15602; MMD: Gretton et al. 2012, JMLR 13) takes it for
what it is, and its expectation does not depend on how many vectors there are. `gen.embeddings` makes the vectors.

Either is a figure to compare by: it says nothing alone, and nothing across embeddings. Put beside it what real music of
the same kind gives, and noise.
"""

import numpy as np
import numpy.typing as npt

from gen.errors import MetricError

Vectors = npt.NDArray[np.float64]
"""(n, d): an embedding for each of n windows."""


def frechet_distance(one: Vectors, other: Vectors) -> float:
    """Fréchet distance of two sets of vectors (n, d), (m, d): 0 and more, in squared units of the embedding.

    Biased: from few vectors it comes out too large, and the more so the more dimensions there are. Two sets of n
    vectors of one Gaussian with unit variances are about (d (d + 1) / 2 + 2 d) / n apart, not 0. So compare only
    figures from equally many vectors, with n well above d (Chong and Forsyth 2020, arXiv:1911.07023, for images).
    Raises MetricError for fewer than 2 vectors, other shapes, or NaN.
    """
    check(one, other)
    return gaussian_distance(one.mean(axis=0), _covariance(one), other.mean(axis=0), _covariance(other))


def gaussian_distance(mean: Vectors, covariance: Vectors, other_mean: Vectors, other_covariance: Vectors) -> float:
    """Fréchet distance of two Gaussians of means (d,) and covariances (d, d), positive semidefinite or nearly.

    |m - n|**2 + tr(C + D - 2 (C D)**0.5), after Dowson and Landau 1982 (J. Multivariate Analysis 12).
    """
    # The root of C D has the eigenvalues of that of C**0.5 D C**0.5, which is symmetric, so nothing becomes complex.
    values, axes = np.linalg.eigh(covariance)
    root = (axes * np.sqrt(values.clip(0))) @ axes.T
    crossed = np.linalg.eigvalsh(root @ other_covariance @ root).clip(0)
    apart = mean - other_mean
    found = apart @ apart + np.trace(covariance) + np.trace(other_covariance) - 2 * np.sqrt(crossed).sum()
    return max(0.0, float(found))


def kernel_distance(one: Vectors, other: Vectors, bandwidth: float | None = None) -> float:
    """Squared maximum mean discrepancy of two sets (n, d), (m, d), with a Gaussian kernel: about -0.1 to 2.

    The unbiased estimate: for two sets of one kind it scatters around 0, so it may fall a little below. Memory grows
    with n * m. bandwidth: the deviation of the kernel, in units of the embedding; by default the median distance
    between vectors of `other`, which should then be the real music that all else is compared with. Raises MetricError
    as `frechet_distance`, and where the bandwidth would be 0.
    """
    check(one, other)
    within = _squares(other, other)
    if bandwidth is None:
        bandwidth = float(np.sqrt(np.median(within[np.triu_indices(len(other), 1)])))
    if not bandwidth > 0:
        raise MetricError("kernel distance: bandwidth 0; most of the vectors are the same, so give a bandwidth")
    scale = -0.5 / bandwidth**2

    def alike(squares: Vectors) -> float:
        count = len(squares)
        return float((np.exp(scale * squares).sum() - count) / (count * (count - 1)))

    between = float(np.exp(scale * _squares(one, other)).mean())
    return alike(_squares(one, one)) + alike(within) - 2 * between


def check(*sets: Vectors) -> None:
    """Raise MetricError unless these can be compared."""
    for vectors in sets:
        if vectors.ndim != 2 or len(vectors) < 2 or vectors.shape[1] != sets[0].shape[1]:
            shapes = " and ".join(str(shape.shape) for shape in sets)
            raise MetricError(f"vectors: needs 2 or more of one size in each set, not {shapes}; give more sound")
        if not np.isfinite(vectors).all():
            raise MetricError("vectors: NaN or infinity among them")


def _covariance(vectors: Vectors) -> Vectors:
    return np.atleast_2d(np.cov(vectors, rowvar=False))


def _squares(one: Vectors, other: Vectors) -> Vectors:
    """Squared distances (n, m); exactly 0 on the diagonal where both are the same."""
    found = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T
    if one is other:
        np.fill_diagonal(found, 0.0)
    squares: Vectors = found.clip(0)
    return squares

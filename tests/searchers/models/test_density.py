"""The kernel density equals that of statsmodels."""

import numpy as np
import pytest

pytest.importorskip("hpbandster", reason='the extra "bohb" wants a C compiler')
import statsmodels.api as sm

from ray_nas.searchers.models.density import Density


def test_densities_are_those_of_statsmodels() -> None:
    rng = np.random.default_rng(0)
    data = np.column_stack(
        [rng.random(200), rng.integers(3, size=200), rng.random(200), rng.integers(4, size=200)]
    ).astype(float)
    points = np.column_stack(
        [rng.random(30), rng.integers(3, size=30), rng.random(30), rng.integers(4, size=30)]
    ).astype(float)
    theirs = sm.nonparametric.KDEMultivariate(
        data=data, var_type="cucu", bw=np.array([0.1, 0.3, 0.02, 0.5]), rng=0
    )
    ours = Density(data, theirs.bw, np.array([0, 3, 0, 4]))
    np.testing.assert_allclose(np.exp(ours.log_pdf(points)), theirs.pdf(points), rtol=1e-10)

"""The same numbers from independent packages, where they are installed.

    pip install --no-deps scikit-dimension==0.5.0 ckatorch==1.0.3 magnipy==1.0.0
    pip install numba numexpr networkx matplotlib seaborn

One of them pins an old scipy, so they are no extra. benchmarks/similarity.md has the same comparison.
"""

import warnings

import numpy as np
import pytest

import toposcope as ts

pytestmark = pytest.mark.slow


@pytest.fixture
def layers(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    a = rng.normal(size=(200, 6))
    return a, a + rng.normal(size=(200, 6))


def oracle(name: str) -> object:
    """A module, or a skip; what it warns of while it is imported is its own affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, exc_type=ImportError)


def test_dimensions_are_those_of_scikit_dimension(layers: tuple[np.ndarray, np.ndarray]) -> None:
    estimators = oracle("skdim.id")
    a = layers[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        two_nn = estimators.TwoNN().fit(a).dimension_
        pointwise = np.asarray(estimators.MLE(K=20).fit(a).dimension_pw_)
        tree = estimators.PH(n_range_min=0.125, random_state=0).fit(a).dimension_
    assert ts.two_nn(a) == pytest.approx(two_nn, rel=1e-12)
    assert ts.mle_dimension(a) == pytest.approx(1 / np.mean(1 / pointwise), rel=1e-12)
    # Other subsamples are drawn there.
    assert ts.ph_dimension(a) == pytest.approx(tree, rel=0.05)


def test_cka_is_that_of_ckatorch(layers: tuple[np.ndarray, np.ndarray]) -> None:
    core = oracle("ckatorch.core")
    torch = pytest.importorskip("torch")
    a, b = (torch.from_numpy(layer) for layer in layers)
    assert ts.cka(*layers) == pytest.approx(float(core.cka_base(a, b)), rel=1e-12)
    batches = [layer.reshape(4, 50, 6) for layer in (a, b)]
    assert ts.cka(*layers, batch=50) == pytest.approx(float(core.cka_batch(*batches)), rel=1e-12)


def test_magnitude_is_that_of_magnipy(
    layers: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import scipy.integrate

    # It asks for the name that scipy gave up.
    monkeypatch.setattr(scipy.integrate, "trapz", scipy.integrate.trapezoid, raising=False)
    magnipy = oracle("magnipy.magnipy").Magnipy
    scales = np.linspace(0, 2, 30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, second = (magnipy(layer, ts=scales) for layer in layers)
        at_one = magnipy(layers[0], ts=np.array([1.0])).get_magnitude()[0][0]
        scale, area, apart = magnipy(layers[0]).get_t_conv(), first.MagArea(), first.MagDiff(second)
    assert ts.magnitude(layers[0]) == pytest.approx(at_one, rel=1e-10)
    assert ts.magnitude_scale(layers[0]) == pytest.approx(scale, rel=1e-6)
    assert ts.magnitude_area(layers[0], until=2.0) == pytest.approx(area, rel=1e-10)
    assert ts.magnitude_difference(*layers, 2.0) == pytest.approx(apart, rel=1e-10)

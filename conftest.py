"""What every test may ask for: the shared data folder, a seeded generator, quick Hypothesis profiles."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.postgres"]

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("house")

ROOT = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real data; the test is skipped with the reason where it is missing."""
    named = os.environ.get("AFTERCAR_TEST_DATA")
    if not named:
        pytest.skip("real test data are not shipped; set AFTERCAR_TEST_DATA to their folder")
    folder = Path(named).resolve()
    if not (folder / "MANIFEST.tsv").exists():
        pytest.skip(f"AFTERCAR_TEST_DATA={folder} holds no MANIFEST.tsv")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(20241122)


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's root folder."""
    return ROOT

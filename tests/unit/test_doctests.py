"""The examples in docstrings run."""

import doctest
import importlib
import pkgutil

import pytest

import aftercar

MODULES = [
    m.name
    for m in pkgutil.walk_packages(aftercar.__path__, "aftercar.")
    if not m.name.endswith("__main__") and ".migrations" not in m.name
]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name, monkeypatch, project):
    monkeypatch.chdir(project)
    assert doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0

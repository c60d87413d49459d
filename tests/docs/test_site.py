"""The site builds strictly, and a page that is opened loads nothing from elsewhere."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.docs.generate import DOCS


@pytest.mark.skipif(find_spec("mkdocs") is None, reason="mkdocs is not installed")
def test_the_site_builds_and_loads_nothing_from_outside(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=DOCS.parent, capture_output=True, text=True, env=quiet)
    assert done.returncode == 0, done.stderr
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) > len(list(DOCS.rglob("*.md")))
    loads = re.compile(
        r"<(?:script|img|iframe|source)[^>]*\ssrc=[\"']?(?:https?:)?//|<link[^>]*rel=[\"']?stylesheet[^>]*(?:https?:)?//"
    )
    for page in pages:
        found = loads.search(page.read_text(encoding="utf-8"))
        assert found is None, f"{page.name}: {found.group() if found else ''}"

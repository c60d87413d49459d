"""What ``aftercar doctor`` finds: engines, versions, and what each missing one would be needed for."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import sys

from aftercar import __version__

#: Distribution, import name, extra that brings it ("" for the core), what needs it.
_LIBRARIES = (
    ("numpy", "numpy", "", "everything"),
    ("numba", "numba", "", "fast screening (without it a slower form is used)"),
    ("pysam", "pysam", "", "BAM and CRAM"),
    ("duckdb", "duckdb", "", "spontaneous reports"),
    ("vl-convert-python", "vl_convert", "", "charts"),
    ("fastapi", "fastapi", "web", "the web app"),
    ("typst", "typst", "documents", "PDF reports"),
    ("python-docx", "docx", "documents", "Word reports"),
    ("xlsxwriter", "xlsxwriter", "documents", "Excel reports"),
    ("psycopg", "psycopg", "postgres", "a PostgreSQL registry"),
    ("pyspark", "pyspark", "spark", "spontaneous reports on a cluster"),
    ("authlib", "authlib", "oidc", "sign-in by the organisation"),
    ("cryptography", "cryptography", "documents", "signed reports"),
)
_PROGRAMS = (("samtools", "nothing; handy beside the evidence BAM"), ("snakemake", "running on a cluster"), ("java", "PySpark"))


def look_around() -> list[dict[str, str]]:
    """One row for each library and program: name, version or "missing", what for, how to get it."""
    rows = [
        {"what": "aftercar", "version": __version__, "for": "", "get": ""},
        {"what": "python", "version": ".".join(map(str, sys.version_info[:3])), "for": "", "get": ""},
    ]
    for name, module, extra, purpose in _LIBRARIES:
        there = importlib.util.find_spec(module) is not None
        version = importlib.metadata.version(name) if there else "missing"
        get = "" if there else f"pip install 'aftercar[{extra}]'" if extra else f"pip install {name}"
        rows.append({"what": name, "version": version, "for": purpose, "get": get})
    for name, purpose in _PROGRAMS:
        found = shutil.which(name)
        rows.append({"what": name, "version": found or "missing", "for": purpose, "get": ""})
    return rows

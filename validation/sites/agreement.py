"""Our estimate of cells against R's, site by site, on one fixed set of fragments of two replicates.

The R output is frozen in ``sonic_r.csv`` with the version of R in its first line; ``Rscript sonic.R fragments.csv`` remakes it.
"""

import csv
from pathlib import Path

import numpy as np

from aftercar.evidence.abundance import KNOTS, fit_sonic

HERE = Path(__file__).parent


def compare() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct lengths, R's cells and ours, shape (sites,) each."""
    with (HERE / "fragments.csv").open() as stream:
        rows = [(int(r["site"]), int(r["length"]), int(r["replicate"])) for r in csv.DictReader(stream)]
    site, length, replicate = np.array(rows).T
    fit = fit_sonic(site, length, replicate, knots=KNOTS)
    with (HERE / "sonic_r.csv").open() as stream:
        frozen = list(csv.DictReader(line for line in stream if not line.startswith("#")))
    return fit.distinct, np.array([float(r["theta"]) for r in frozen]), fit.cells


def main() -> None:
    distinct, theirs, ours = compare()
    relative = np.abs(ours - theirs) / theirs
    print(f"sites {ours.size}; largest relative difference {relative.max():.2e}")
    for i in np.argsort(-distinct)[:5]:
        print(f"site {i}: {distinct[i]} distinct lengths, R {theirs[i]:.3f}, AfterCAR {ours[i]:.3f}")


if __name__ == "__main__":
    main()

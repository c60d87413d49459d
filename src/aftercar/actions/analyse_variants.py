"""Call clonal haematopoiesis in every sample of a study that names a variant file, redoing only what changed."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from aftercar.actions.biomarkers_ch import Source, call, read_depths, sources_of
from aftercar.actions.kept_results import keep_or_make
from aftercar.actions.progress import Progress
from aftercar.edges.digests import Digests
from aftercar.edges.study import Study
from aftercar.edges.tables import read_table
from aftercar.edges.variants import read_rules
from aftercar.errors import AfterCarError, InternalError, Problem
from aftercar.vocab.columns import Table
from aftercar.vocab.tables.biomarkers import CLONAL_SAMPLES, GENE_STATUS, JUDGED_VARIANTS

Rows = list[dict[str, Any]]

#: The tables of a result, and the file of a sample's folder that holds its rows.
CLONAL = {CLONAL_SAMPLES: "samples.csv", GENE_STATUS: "genes.csv", JUDGED_VARIANTS: "variants.csv"}


def analyse_variants(
    study: Study, work: Path, earlier: Path, tell: Progress, *, digests: Digests | None = None, only: str | None = None
) -> dict[str, Rows]:
    """The rows of the tables of :data:`CLONAL` over all samples, by table; empty lists when no sample has variants.

    Args:
        study: the study; its ``ch_rules`` and ``ch_depths`` are the rule set and the depths by gene.
        work, earlier, tell, digests, only: as in :func:`aftercar.actions.analyse_samples.analyse`.
    """
    known = digests or Digests()
    sources = [source for source in sources_of(study) if only is None or source.sample_id == only]
    depths = read_depths(study.ch_depths) if study.ch_depths is not None and sources else {}
    rules = read_rules(study.ch_rules).label
    found: dict[str, Rows] = {table.name: [] for table in CLONAL}
    for number, source in enumerate(sources):
        tell(number, len(sources), f"variants of {source.sample_id}")
        own = depths.get(source.sample_id, {})
        inputs = {"variants": [source.path.name, known.sha256(source.path)], "rules": rules, "depths": own}
        place = work / source.sample_id
        keep_or_make(place, earlier / source.sample_id, inputs, partial(_call, study, source))
        for table, name in CLONAL.items():
            found[table.name] += _rows(place / name, table)
    return found


def _call(study: Study, source: Source, out: Path) -> None:
    try:
        call([source], out, rules_file=study.ch_rules, depths_file=study.ch_depths)
    except AfterCarError as error:
        error.where = f"sample {source.sample_id}, {error.where}" if error.where else f"sample {source.sample_id}"
        raise


def _rows(path: Path, table: Table) -> Rows:
    problems: list[Problem] = []
    frame = read_table(path, table, problems).frame
    if problems:
        raise InternalError(f"a table that we wrote cannot be read: {problems[0]}", where=str(path))
    lists = [column.name for column in table.columns if column.kind == "list"]
    return [row | {name: (row[name] or "").split(";") if row[name] else [] for name in lists} for row in frame.to_dicts()]

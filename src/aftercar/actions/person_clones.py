"""One person's insertions, linked across the samples whose reads were tested."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aftercar.actions.permissions import Actor
from aftercar.actions.registry_people import reach
from aftercar.cases.model import as_date
from aftercar.cases.role import base_rate_of
from aftercar.evidence.tracking import link
from aftercar.store import Store
from aftercar.vocab.dates import months_between


def insertions(store: Store, actor: Actor, person_id: str) -> list[dict[str, Any]]:
    """One row for each insertion and tested sample, by insertion and day.

    Columns: ``clone`` (gene and place), ``gene``, ``base_rate`` in words, ``sample_id``, ``collected_on``, ``months`` since the
    first infusion, ``seen``, ``share`` of all cells with ``low`` and ``high``, ``limit`` (the share that would have been found).
    Where an insertion was not seen it may have been below that limit.

    Raises:
        InputError: when there is no such person within reach.
    """
    reach(store, actor, person_id, "read")
    tested = _tested(store, person_id)
    sites = [(number, site) for number, (_, verdict) in enumerate(tested) for site in verdict["sites"]]
    clones = link(
        [site["chrom"] for _, site in sites], [site["pos"] for _, site in sites], [site["orientation"] for _, site in sites]
    )
    found: dict[int, dict[int, Mapping[str, Any]]] = {}
    for clone, (number, site) in zip(clones.tolist(), sites, strict=True):
        found.setdefault(clone, {}).setdefault(number, site)
    return [
        _row(by_sample, number, sample, verdict)
        for by_sample in found.values()
        for number, (sample, verdict) in enumerate(tested)
    ]


def _tested(store: Store, person_id: str) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Samples with their latest verdict, by day; each sample row gets ``months``."""
    starts = [day.middle for row in store.list("infusions", {"person_id": person_id}) if (day := as_date(row["infused_on"]))]
    samples = {record.key: record.row for record in store.list("samples", {"person_id": person_id})}
    latest: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for record in store.list("result_documents", {"person_id": person_id, "kind": "transgene_verdict"}):
        try:
            content = json.loads(record["document"] or "")
        except ValueError:
            continue  # kept as text by another program; it is no verdict of ours
        if record["sample_id"] in samples and isinstance(content, dict) and isinstance(content.get("sites"), list):
            known = latest.get(record["sample_id"])
            if known is None or record.changed_at >= known[0]:
                latest[record["sample_id"]] = (record.changed_at, content)
    rows = []
    for sample_id, (_, content) in latest.items():
        day = as_date(samples[sample_id]["collected_on"])
        months = months_between(min(starts), day.middle) if starts and day is not None else None
        rows.append(({**samples[sample_id], "months": months}, content))
    return sorted(rows, key=lambda item: (item[0]["collected_on"] is None, str(item[0]["collected_on"]), item[0]["sample_id"]))


def _row(
    by_sample: Mapping[int, Mapping[str, Any]], number: int, sample: Mapping[str, Any], verdict: Mapping[str, Any]
) -> dict[str, Any]:
    first = next(iter(by_sample.values()))
    gene, site = _gene(first), by_sample.get(number)
    rate = base_rate_of(gene, None) if gene else None
    share = (site or {}).get("cell_fraction") or {}
    return {
        "clone": f"{gene} {first['chrom']}:{first['pos']:,}".strip(),
        "gene": gene or None,
        "base_rate": f"{rate.hits} of {rate.products} ordinary products [{rate.source.mark}]" if rate else None,
        "sample_id": sample["sample_id"],
        "collected_on": sample["collected_on"],
        "months": sample["months"],
        "seen": site is not None,
        "share": share.get("value"),
        "low": share.get("low"),
        "high": share.get("high"),
        "limit": _value(verdict.get("detection_limit")),
    }


def _gene(site: Mapping[str, Any]) -> str:
    gene = site.get("gene")
    return str((gene.get("name") if isinstance(gene, Mapping) else gene) or "")


def _value(estimate: Any) -> float | None:
    return estimate.get("value") if isinstance(estimate, Mapping) else estimate

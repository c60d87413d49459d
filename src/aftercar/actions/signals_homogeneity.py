"""Is it a class effect: exact test over products, partial pooling, contrasts by property, and what cannot be told apart."""

from __future__ import annotations

from collections.abc import Sequence

from aftercar.actions.permissions import Actor
from aftercar.actions.signals_input import Answer, Input, Row, may_read
from aftercar.cohort.exposure import aggregates, comparable
from aftercar.cohort.person_time import build, by_product
from aftercar.cohort.rules import EVENT, Rules
from aftercar.signals.contrasts import Contrast, Exposed, contrasts, not_identifiable, with_properties
from aftercar.signals.homogeneity import ORDERINGS, Ordering, asymptotic_p, exact_test, smallest_detectable_ratio
from aftercar.signals.pooling import pool, sensitivity
from aftercar.vocab.dates import DAYS_PER_YEAR
from aftercar.vocab.estimates import rate


def homogeneity(
    given: Input, *, rules: Rules | None = None, ordering: Ordering = "probability", actor: Actor | None = None
) -> Answer:
    """Test, pooling and contrasts for each set of products that may be compared.

    Sets are: the study's own people by product (person-years), and aggregate rows with the same ``comparison``.

    Args:
        given: the study.
        rules: outcome, clock and what ends observation (products of re-infused people: use ``reinfusion="restart"``).
        ordering: the one fixed in advance; the others are shown beside it.
        actor: who asks.
    """
    may_read(actor)
    sets = _sets(given, rules)
    tests: list[Row] = []
    products: list[Row] = []
    priors: list[Row] = []
    properties: list[Row] = []
    words: list[str] = []
    for name, rows in sets.items():
        events, exposure, names = [row.events for row in rows], [row.exposure for row in rows], [row.name for row in rows]
        tests += _tests(name, events, exposure, names, ordering)
        if not sum(events):
            words.append(f"{name}: no case in any product; only upper limits can be given.")
            continue
        products += _products(name, rows, given.level)
        priors += _priors(name, rows, given.level)
        for item in contrasts(rows, ordering=ordering, level=given.level):
            properties += _contrast_rows(name, item)
        words += [f"{name}: {sentence}" for sentence in not_identifiable(rows)]
        words += [_power_words(name, rows, i) for i in range(len(rows))]
    if not sets:
        words.append("No two products may be compared: give aggregate rows the same comparison, or dated infusions.")
    words.append(f"The ordering fixed for this test is {ordering}; a p-value above 0.05 does not show that products are equal.")
    tables: dict[str, Sequence[Row]] = {"signal_homogeneity": tests}
    for key, found in (
        ("signal_products", products),
        ("signal_pooling_priors", priors),
        ("signal_contrasts", properties),
    ):
        if found:
            tables[key] = found
    return Answer(tables, tuple(words), given.data_lock, given.mask_below)


def _sets(given: Input, rules: Rules | None) -> dict[str, list[Exposed]]:
    sets: dict[str, list[Exposed]] = {}
    cohort = build(given.frames, given.data_lock, rules)
    if cohort.persons:
        own = []
        for name, part in by_product(cohort).items():
            years = float((part["exit_days"] - part["entry_days"]).sum()) / DAYS_PER_YEAR
            own.append(with_properties(name, int((part["status"] == EVENT).sum()), years))
        if len(own) > 1:
            sets["people of this study, person-years"] = own
    for name, members in comparable(aggregates(given.frames["exposure"])).items():
        merged: dict[str, tuple[int, float]] = {}
        for item in members:
            cases, persons = merged.get(item.product or "", (0, 0.0))
            merged[item.product or ""] = (cases + item.cases, persons + item.persons)
        sets[f"{name}, reported cases over persons treated"] = [with_properties(p, c, n) for p, (c, n) in merged.items()]
    return sets


def _tests(name: str, events: list[int], exposure: list[float], names: list[str], chosen: Ordering) -> list[Row]:
    rows: list[Row] = []
    for ordering in (chosen, *(other for other in ORDERINGS if other != chosen)):
        found = exact_test(events, exposure, ordering=ordering, names=names)
        how = found.method if not found.monte_carlo_error else f"simulation, standard error {found.monte_carlo_error:.2g}"
        rows.append(
            {
                "comparison": name,
                "ordering": ordering,
                "p": found.p,
                "asymptotic_p": asymptotic_p(events, exposure),
                "method": f"exact conditional multinomial, {how}",
            }
        )
    return rows


def _products(name: str, rows: Sequence[Exposed], level: float) -> list[Row]:
    events, exposure = [row.events for row in rows], [row.exposure for row in rows]
    pooled = pool(events, exposure, names=[row.name for row in rows], level=level)
    found: list[Row] = []
    for row in pooled.products:
        crude = rate(row.events, row.exposure, level=level)
        found.append(
            {
                "comparison": name,
                "product": row.name,
                "cases": row.events,
                "denominator": row.exposure,
                "expected_if_equal": sum(events) * row.exposure / sum(exposure),
                "crude": crude.value,
                "crude_low": crude.low,
                "crude_high": crude.high,
                "pooled": row.mean,
                "pooled_low": row.low,
                "pooled_high": row.high,
                "chance_highest": row.chance_highest,
                "own_weight": row.weight,
            }
        )
    return found


def _priors(name: str, rows: Sequence[Exposed], level: float) -> list[Row]:
    every = sensitivity([r.events for r in rows], [r.exposure for r in rows], names=[r.name for r in rows], level=level)
    return [
        {
            "comparison": name,
            "prior": str(pooled.prior),
            "product": row.name,
            "pooled": row.mean,
            "pooled_low": row.low,
            "pooled_high": row.high,
            "cv": pooled.cv,
        }
        for pooled in every
        for row in pooled.products
    ]


def _contrast_rows(name: str, item: Contrast) -> list[Row]:
    rows: list[Row] = []
    for level in item.levels:
        ratio = item.ratios.get(level.value)
        rows.append(
            {
                "comparison": name,
                "property": item.name,
                "value_of_property": level.value,
                "products": ", ".join(level.products),
                "cases": int(level.estimate.numerator),
                "denominator": level.estimate.denominator,
                "value": level.estimate.value,
                "low": level.estimate.low,
                "high": level.estimate.high,
                "ratio": ratio.value if ratio else None,
                "ratio_low": ratio.low if ratio else None,
                "ratio_high": ratio.high if ratio else None,
                "p": item.test.p if item.test else None,
                "tangled_with": ", ".join(item.tangled_with),
            }
        )
    return rows


def _power_words(name: str, rows: Sequence[Exposed], index: int) -> str:
    total = sum(row.events for row in rows)
    ratio = smallest_detectable_ratio(total, [row.exposure for row in rows], index)
    size = "no rate ratio, however large," if ratio == float("inf") else f"a rate ratio of {ratio:.1f}"
    return f"{name}: with {total} cases, {size} of {rows[index].name} against the others would be found with 80% power."

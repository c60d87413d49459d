"""Rules, checks, detection limits, tracks and sharing: unknown is never negative."""

import dataclasses

import pytest
from scipy import stats

from aftercar.biomarkers.clonal import against_half, call_sample, judge
from aftercar.biomarkers.detection import any_status, chance_of_seeing, detection_limit, gene_statuses, highest_possible
from aftercar.biomarkers.rule_sets import BadRuleSet, Filters, GeneRule, RuleSet, rule_set
from aftercar.biomarkers.serial import Measurement, follow
from aftercar.biomarkers.sharing import Reads, share, summarise
from aftercar.biomarkers.variants import Annotation, Variant, consequence_class, homopolymer_run, short_protein, trimmed
from aftercar.edges.variants import builtin_rules
from aftercar.errors import InputError

RULES = RuleSet(
    "test",
    "1",
    "",
    Filters(),
    {
        "DNMT3A": GeneRule("DNMT3A", ("myeloid",), True, ("634-912", "R326C"), transcripts=("NM_022552",), germline_exempt=False),
        "JAK2": GeneRule("JAK2", ("myeloid",), missense=("V617F",)),
        "PPM1D": GeneRule("PPM1D", ("therapy_related",), ("400-605",)),
        "ASXL1": GeneRule("ASXL1", ("myeloid",), True, homopolymer_exempt={"G646W": 0.05}),
    },
)
GOOD = Variant(
    "s",
    "2",
    25234373,
    "C",
    "T",
    ("PASS",),
    500,
    30,
    None,
    14,
    16,
    0.0,
    0,
    (Annotation("DNMT3A", "missense", "R882H", "NM_022552.4"),),
)


def verdict(**change):
    return judge(dataclasses.replace(GOOD, **change), RULES)


def test_a_good_variant_is_a_driver_with_every_check_kept():
    found = judge(GOOD, RULES)
    assert found.verdict == "driver"
    assert len(found.checks) == 10
    assert found.reasons == ("matched_normal: no matched normal sample",)


@pytest.mark.parametrize(("change", "check"), [
    ({"filters": ("weak_evidence",)}, "caller_filter"),
    ({"depth": 19, "alt_reads": 3}, "depth"),
    ({"alt_reads": 2, "depth": 90}, "alt_reads"),
    ({"alt_reads": 9}, "allele_fraction"),
    ({"forward": 30, "reverse": 0}, "both_strands"),
    ({"population": 0.01}, "population"),
    ({"alt_reads": 240}, "germline"),
    ({"alt_reads": 499}, "germline"),
    ({"normal_depth": 100, "normal_alt_reads": 5}, "matched_normal"),
    ({"annotations": (Annotation("DNMT3A", "missense", "R200H"),)}, "definition"),
    ({"annotations": (Annotation("DNMT3A", "synonymous", "R882="),)}, "definition"),
])  # fmt: skip
def test_each_check_can_reject(change, check):
    found = verdict(**change)
    assert found.verdict == "rejected"
    assert check in [c.name for c in found.checks if c.outcome == "fail"]


@pytest.mark.parametrize("change", [
    {"filters": ()},
    {"alt_reads": None, "depth": None},
    {"population": None},
    {"annotations": (Annotation("DNMT3A", "unknown", ""),)},
])  # fmt: skip
def test_unknown_holds_back_but_does_not_reject(change):
    assert verdict(**change).verdict == "unconfirmed"


def test_a_hot_spot_may_be_a_large_clone():
    v = dataclasses.replace(GOOD, alt_reads=250, annotations=(Annotation("JAK2", "missense", "V617F"),))
    assert judge(v, RULES).verdict == "driver"


def test_residues_limit_truncation():
    for protein, expected in (("R552*", "driver"), ("R100*", "rejected")):
        v = dataclasses.replace(GOOD, annotations=(Annotation("PPM1D", "stop_gained", protein),))
        assert judge(v, RULES).verdict == expected


@pytest.mark.parametrize(("run", "protein", "alt", "expected"), [
    (8, "G646Wfs*12", 60, "driver"), (8, "G646Wfs*12", 12, "rejected"),
    (8, "L775Rfs*3", 60, "rejected"), (4, "L775Rfs*3", 60, "driver"),
])  # fmt: skip
def test_homopolymer_indels(run, protein, alt, expected):
    v = dataclasses.replace(
        GOOD, ref="C", alt="CG", homopolymer=run, alt_reads=alt, annotations=(Annotation("ASXL1", "frameshift", protein),)
    )
    assert judge(v, RULES).verdict == expected


def test_the_rules_own_transcript_is_judged():
    other = Annotation("DNMT3A", "missense", "R693H", "NM_153759.3", preferred=True)
    found = verdict(annotations=(other, Annotation("DNMT3A", "missense", "R882H", "NM_022552.4")))
    assert found.protein == "R882H"


def test_variants_elsewhere_are_counted():
    calls = call_sample("s", [GOOD, dataclasses.replace(GOOD, annotations=())], RULES)
    assert (len(calls.judged), calls.others, calls.rules) == (1, 1, RULES.label)


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 10), (5, 10), (5, 11), (6, 11), (60, 500)])
def test_the_quick_binomial_equals_the_slow_one(k, n):
    assert against_half(k, n) == pytest.approx(stats.binomtest(k, n, 0.5).pvalue)


def test_words_of_the_annotators():
    assert consequence_class("splice_region_variant&intron_variant") == "other"
    assert consequence_class("stop_gained&frameshift_variant") == "frameshift"
    assert consequence_class("Frame_Shift_Del") == consequence_class("frameshift deletion") == "frameshift"
    assert [short_protein(t) for t in ("p.R550X", "p.Arg550Ter", "NP_1:p.Gly12_Val13del", "p.?", "")] == [
        "R550*",
        "R550*",
        "G12_V13del",
        "",
        "",
    ]


def test_homopolymer_run_and_trimming():
    assert homopolymer_run("ACGG", "GGGT", "G", "GG") == 5
    assert homopolymer_run("ACGG", "TTGA", "GT", "G") == 2
    assert homopolymer_run("AC", "GTGT", "C", "CGT") == 0
    assert trimmed("2", 10, "CAAG", "CAG") == trimmed("2", 10, "CA", "C")


def test_detection_limits():
    assert chance_of_seeing(0.02, 100, 3) == pytest.approx(0.32, abs=0.005)
    assert chance_of_seeing(0.02, 500, 3) == pytest.approx(0.997, abs=0.001)
    assert chance_of_seeing(0.005, 1000, 3) == pytest.approx(0.88, abs=0.005)
    assert highest_possible(0, 58) == pytest.approx(0.062, abs=0.0005)
    assert detection_limit(2, 3) == 1.0
    assert chance_of_seeing(detection_limit(400, 3), 400, 3) == pytest.approx(0.95)


def test_not_called_is_negative_only_with_depth():
    calls = call_sample("s", [GOOD], RULES)
    found = {s.gene: s for s in gene_statuses(calls, {"JAK2": 1000, "PPM1D": 60}, RULES)}
    assert [found[g].status for g in ("DNMT3A", "JAK2", "PPM1D", "ASXL1")] == [
        "positive",
        "negative",
        "below_depth",
        "depth_unknown",
    ]
    assert [found[g].value for g in ("DNMT3A", "JAK2", "PPM1D", "ASXL1")] == [1.0, 0.0, None, None]
    assert any_status(found.values()) == "positive"
    assert any_status([found["JAK2"], found["PPM1D"]]) == "below_depth"
    with pytest.raises(InputError, match="TET2"):
        gene_statuses(calls, {}, RULES, genes=["TET2"])


def test_pre_existing_needs_a_sample_and_a_depth():
    after = Measurement("b", "2022-06-01", 50, 500)
    assert follow([after], infused_on="2021-01-15").pre_existing == "not_assessable"
    assert follow([Measurement("a", "2021-01-20", 9, 500), after], infused_on="2021-01-15").pre_existing == "not_assessable"
    unclear = follow([Measurement("a", "2021-01", 9, 500), after], infused_on="2021-01-15")
    assert unclear.pre_existing == "not_assessable"
    assert any("before or after" in note for note in unclear.notes)
    none = follow([Measurement("a", "2020-12-20", 0, 58), after], infused_on="2021-01-15")
    assert (none.pre_existing, round(none.before_limit, 3)) == ("not_seen_before", 0.062)
    assert follow([Measurement("a", "2020-12", 9, 500), after], infused_on="2021-01-15").pre_existing == "found_before"
    assert follow([Measurement("a", "2020-12", 9, 500), after]).pre_existing == "not_assessable"
    with pytest.raises(InputError, match="sample a"):
        follow([Measurement("a", "2020-12", 9, 5)])


def test_growth_with_limits():
    track = follow(
        [
            Measurement("a", "2020-01-01", 10, 1000),
            Measurement("b", "2021-01-01", 20, 1000),
            Measurement("c", "2022-01-01", 40, 1000),
        ]
    )
    assert track.growth == pytest.approx(0.69, abs=0.05)
    assert 0 < track.growth_low < track.growth < track.growth_high
    assert track.growth_p < 0.001
    assert track.first_seen == "2020-01-01"
    flat = follow([Measurement("a", "2020-01-01", 0, 100), Measurement("b", "2021-01-01", 0, 100)])
    assert flat.growth_low < 0 < flat.growth_high
    assert flat.first_seen == ""


def test_sharing_says_down_to_which_fraction():
    a, b, c = ("1", 5, "A", "C"), ("1", 6, "A", "C"), ("1", 7, "A", "C")
    found = share({
        "tumour": {a: Reads(50, 100), b: Reads(40, 100), c: Reads(30, 100)},
        "blood": {a: Reads(10, 1000), b: Reads(0, 1000), c: Reads(0, 20)},
    })  # fmt: skip
    assert [v.conclusion for v in found] == ["shared", "private", "not_assessable"]
    assert found[1].below == pytest.approx(highest_possible(0, 1000))
    total = summarise(found, "tumour", "blood")
    assert (total.shared, total.assessable) == (1, 2)


def test_the_builtin_rules_are_sound():
    rules = builtin_rules()
    assert {"DNMT3A", "TET2", "PPM1D", "TP53", "RHOA", "IDH2"} <= set(rules.genes)
    assert all(rule.source for rule in rules.genes.values())
    assert {"TET2", "DNMT3A", "RHOA", "IDH2"} <= {g for g, r in rules.genes.items() if "t_lineage" in r.lineage}
    changed = dataclasses.replace(rules, filters=dataclasses.replace(rules.filters, min_depth=21))
    assert changed.fingerprint != rules.fingerprint


@pytest.mark.parametrize(("content", "words"), [
    ({}, "no name or version"),
    ({"filters": {"min_vaf": 1}}, "unknown filter min_vaf"),
    ({"filters": {"min_fraction": 2}}, "not between 0 and 1"),
    ({"filters": {"min_depth": -1}}, "not a whole number"),
    ({"filters": {"may_be_unknown": ["x"]}}, "names no check"),
    ({"gene": []}, "names no gene"),
    ({"gene": [{"gene": ""}]}, "number 1"),
    ({"gene": [{"gene": "A", "lineage": ["x"], "truncating": True}]}, "lineage"),
    ({"gene": [{"gene": "A", "lineage": ["myeloid"]}]}, "no change"),
    ({"gene": [{"gene": "A", "lineage": ["myeloid"], "truncating": True, "mark": "sure"}]}, "mark"),
    ({"gene": [{"gene": "A", "lineage": ["myeloid"], "truncating": True, "mis": 1}]}, "unknown key mis"),
    ({"gene": [{"gene": "A", "lineage": ["myeloid"], "truncating": True}] * 2}, "stands twice"),
])  # fmt: skip
def test_bad_rule_sets_name_the_place(content, words):
    head = {} if not content else {"rule_set": {"name": "x", "version": "1"}}
    with pytest.raises(BadRuleSet, match=words):
        rule_set({**head, **content}, where="x.toml")

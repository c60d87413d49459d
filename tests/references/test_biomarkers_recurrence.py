"""The built-in rules against variants that published series found again and again (counts only; the list is not shipped)."""

import csv

from aftercar.biomarkers.variants import Annotation, consequence_class, short_protein
from aftercar.edges.variants import builtin_rules


def test_recurrent_variants_are_recognised(test_data):
    rules = builtin_rules().genes
    found = {True: [], False: []}
    with (test_data / "chip" / "ch_toolkit" / "bick.bolton.vars3.txt").open(newline="") as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            kind, protein = consequence_class(row["Consequence_VEP"]), short_protein(row["HGVSp_VEP"])
            seen = int(row["n.HGVSp"]) if row["n.HGVSp"].isdigit() else 0
            met = row["Gene"] in rules and bool(rules[row["Gene"]].matches(Annotation(row["Gene"], kind, protein)))
            found[seen >= 10].append(met)
    assert (len(found[True]), len(found[False])) == (270, 2110)
    assert sum(found[True]) / 270 > 0.95
    assert sum(found[False]) / 2110 > 0.90

"""What the rules read in product information; every text here is invented."""

import pytest

from aftercar.registry.label_text import facts_of, passages_of

HEAD = "5 WARNINGS AND PRECAUTIONS 5.1 Cytokine Storm Fever may occur. Watch for 14 days. "
TAIL = " 5.10 Driving Do not drive for 8 weeks."


def facts(**sections):
    return facts_of(passages_of(sections))


@pytest.mark.parametrize(
    ("sentence", "monitoring", "years"),
    [
        ("Monitor life-long for new tumours.", "lifelong", None),
        ("Patients should be under lifelong surveillance.", "lifelong", None),
        ("Monitor for the rest of their life.", "lifelong", None),
        ("Monitor for at least 15 years.", "years", 15),
        ("Follow-up for a period of fifteen years is asked for.", "years", 15),
        ("Monitor for 15 years. Monitor lifelong where possible.", "unclear", None),
        ("Monitor for 5 years. Monitor for 15 years.", "unclear", None),
        ("Lifelong monitoring is no longer asked for.", "unclear", None),
        ("Monitor for up to 15 years.", "unclear", None),
        ("Monitor every 2 years.", "unclear", None),
        ("Monitor for 6 months.", "unclear", None),
        ("Monitor the patient.", "not_stated", None),
        ("They occurred up to 15 years after infusion.", "not_stated", None),
        ("Nothing else is known.", "not_stated", None),
    ],
)
def test_duration_of_monitoring(sentence, monitoring, years):
    found = facts(warnings_and_cautions=f"{HEAD}5.9 Second Malignancies May occur. {sentence}{TAIL}")
    assert (found.monitoring, found.years) == (monitoring, years)


@pytest.mark.parametrize(
    ("boxed", "expected"),
    [
        ("WARNING: SECOND HEMATOLOGICAL MALIGNANCIES These were seen.", "yes"),
        ("WARNING: FEVER T-cell lymphoma was seen after infusion.", "yes"),
        ("WARNING: FEVER AND CONFUSION Only given in hospital.", "no"),
        ("WARNING: FEVER In patients with malignancy it is worse.", "unclear"),
        ("", "not_stated"),
    ],
)
def test_boxed_warning(boxed, expected):
    assert facts(boxed_warning=boxed).boxed_warning == expected


def test_only_what_speaks_of_second_malignancies_is_kept():
    text = f"{HEAD}It is worse with infection. 5.9 Second Malignancies May occur. Report them.{TAIL}"
    (found,) = passages_of({"warnings_and_cautions": text})
    assert (found.place, found.text) == ("warnings_and_cautions_5.9", "5.9 Second Malignancies May occur. Report them.")


def test_sentences_are_kept_from_parts_about_other_things():
    text = "6 REACTIONS 6.2 After Marketing Rash was seen. A T cell lymphoma was reported. Monitor for life. Nausea was seen."
    (found,) = passages_of({"adverse_reactions": text})
    assert found.text == "A T cell lymphoma was reported. Monitor for life."
    assert facts(adverse_reactions=text).monitoring == "lifelong"


def test_an_indication_or_another_span_is_no_statement():
    found = facts(warnings_and_cautions=HEAD + "Relapsed large B-cell lymphoma responds. Monitor for 4 weeks." + TAIL)
    assert (found.boxed_warning, found.monitoring) == ("not_stated", "not_stated")
    assert passages_of({"warnings_and_cautions": HEAD + TAIL}) == ()


def test_spaces_and_cross_references_change_nothing():
    plain = "5.9 Second Malignancies May occur [see Use (8.4)]. Monitor lifelong."
    assert facts(warnings=plain) == facts(warnings=plain.replace(" ", "\n  "))
    assert facts(warnings=plain) != facts(warnings=plain.replace("May", "Did"))

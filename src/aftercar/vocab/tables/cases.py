"""Tables around a case that the study folder does not hold: reports, tests asked for, assessments, narratives, links."""

from __future__ import annotations

from aftercar.vocab.columns import YES_NO_UNKNOWN, Column, Table

_CASE = Column("case_id", "id", "The case.", required=True, refers_to="cases.case_id", personal=True)
_NOTE = Column("note", "text", "Free text for people; never analysed. No names of patients, no dates of birth.", personal=True)

WHO_UMC = ("certain", "probable", "possible", "unlikely", "conditional", "unassessable")
TESTS = (
    "transgene",
    "integration_sites",
    "car_in_situ",
    "tcr_clonality",
    "tumour_mutations",
    "germline",
    "clonal_haematopoiesis",
    "ebv",
    "htlv",
    "rcl_rcr",
    "expression",
)

CASE_REPORTS = Table(
    "case_reports",
    "Every report received on a case, first and follow-up, with the day it was received.",
    (
        Column("report_id", "id", "Identifier of the report.", required=True),
        _CASE,
        Column(
            "kind",
            "choice",
            "First report, more information, correction, or withdrawal of the case.",
            required=True,
            choices=("initial", "follow_up", "amendment", "nullification"),
        ),
        Column("received_on", "date", "Day it was received: day 0 of the reporting clock.", required=True),
        Column(
            "origin",
            "choice",
            "How it came in.",
            choices=("registry", "csv", "form", "e2b_r3", "e2b_r2", "literature", "other"),
        ),
        Column(
            "report_type",
            "choice",
            "Kind of report as E2B C.1.3 has it.",
            choices=("spontaneous", "study", "other", "unknown"),
        ),
        Column(
            "reporter_qualification",
            "choice",
            "Who reported.",
            choices=("physician", "pharmacist", "other_health_professional", "lawyer", "consumer", "unknown"),
        ),
        Column("reporter_name", "text", "Name of the reporter; never exported to a regulator without need.", personal=True),
        Column("reporter_organisation", "text", "Organisation of the reporter."),
        Column("reporter_country", "text", "Country of the reporter, ISO 3166-1 alpha-2."),
        Column("sender_organisation", "text", "Organisation that sent the message."),
        Column("safety_report_id", "text", "Sender's case identifier (E2B C.1.1)."),
        Column("worldwide_id", "text", "Worldwide unique case identifier (E2B C.1.8.1)."),
        Column(
            "seriousness",
            "list",
            "Criteria met: death, life_threatening, hospitalisation, disability, congenital_anomaly, other_important.",
        ),
        Column("expected", "choice", "Whether the event is in the product information.", choices=YES_NO_UNKNOWN),
        Column("reason", "text", "Why the case was amended or nullified."),
        Column("message_sha256", "text", "SHA-256 of the message it came in."),
        _NOTE,
    ),
    key=("report_id",),
)

EVENT_CODES = Table(
    "event_codes",
    "Codes given to a case from a terminology, each with its version and who gave it.",
    (
        Column("code_id", "id", "Identifier of the row.", required=True),
        _CASE,
        Column("system", "choice", "Terminology.", required=True, choices=("meddra", "icd_o_3", "icd_10", "other")),
        Column("version", "text", "Version of the terminology.", required=True),
        Column("level", "choice", "Level in MedDRA.", choices=("llt", "pt", "hlt", "hlgt", "soc")),
        Column("code", "text", "The code.", required=True),
        Column("coded_by", "text", "Who gave it, or which message."),
        _NOTE,
    ),
    key=("code_id",),
)

SAMPLE_CHECKS = Table(
    "sample_checks",
    "What is left of a specimen and which tests it can still serve.",
    (
        Column("check_id", "id", "Identifier of the row.", required=True),
        Column("person_id", "id", "The person.", required=True, refers_to="people.person_id", personal=True),
        Column("sample_id", "id", "The sample.", required=True, refers_to="samples.sample_id"),
        Column("checked_on", "date", "Day it was looked at.", required=True),
        Column(
            "form",
            "choice",
            "Form it is kept in.",
            choices=("fresh", "frozen", "ffpe", "viable_cells", "dna", "rna", "slides", "unknown"),
        ),
        Column("quantity", "number", "How much is left.", low=0),
        Column(
            "quantity_unit",
            "choice",
            "Unit of the quantity.",
            choices=("ug_dna", "million_cells", "ml", "blocks", "slides", "mg"),
        ),
        Column("tumour_content", "number", "Fraction of tumour cells.", unit="fraction", low=0, high=1),
        Column("suitable", "choice", "Whether it can be used.", choices=YES_NO_UNKNOWN),
        Column("suitable_for", "list", "Tests it can serve: " + ", ".join(TESTS) + "."),
        Column("unsuitable_reason", "text", "Why not."),
        _NOTE,
    ),
    key=("check_id",),
)

TESTING_REQUESTS = Table(
    "testing_requests",
    "Tests asked for on a case: request, receipt, result, or why there is none.",
    (
        Column("request_id", "id", "Identifier of the request.", required=True),
        _CASE,
        Column("test", "choice", "Which test.", required=True, choices=TESTS),
        Column("sample_id", "id", "The sample used.", refers_to="samples.sample_id"),
        Column("laboratory", "text", "Laboratory or manufacturer asked."),
        Column(
            "state",
            "choice",
            "Where it stands.",
            required=True,
            choices=("planned", "requested", "received", "resulted", "not_possible", "refused", "cancelled"),
        ),
        Column("requested_on", "date", "Day of the request."),
        Column("received_on", "date", "Day the laboratory received the sample."),
        Column("resulted_on", "date", "Day of the result."),
        Column("reason", "text", "Why it was not possible, refused or cancelled."),
        Column("result_id", "id", "The result.", refers_to="assay_results.result_id"),
        _NOTE,
    ),
    key=("request_id",),
)

ASSESSMENTS = Table(
    "assessments",
    "A named person's assessment of cause; several on one case may differ and all are kept.",
    (
        Column("assessment_id", "id", "Identifier of the assessment.", required=True),
        _CASE,
        Column("assessor", "text", "Name of the person.", required=True),
        Column("organisation", "text", "For whom the person assesses."),
        Column("assessed_on", "date", "Day of the assessment.", required=True),
        Column(
            "method",
            "choice",
            "Method of the overall grade.",
            required=True,
            choices=("WHO-UMC", "global_introspection", "other"),
        ),
        Column("grade", "choice", "The overall grade given by the person.", required=True, choices=WHO_UMC),
        Column(
            "origin",
            "choice",
            "Cell of origin as the person sees it.",
            choices=("car_derived", "not_car_derived", "indeterminate", "not_tested"),
        ),
        Column(
            "insertion_role",
            "choice",
            "Role of the insertion as the person sees it.",
            choices=("probable_driver", "plausible_contributor", "passenger", "not_assessable"),
        ),
        Column("contributors", "list", "Contributors the person sees as present."),
        Column("reasons", "text", "The person's reasons.", required=True),
        Column("rules_version", "text", "Version of the rules of the suggestion that was shown."),
        Column("evidence", "text", "Fingerprint of the evidence the assessment rests on (JSON, part -> hash)."),
        Column("signed_on", "text", "Moment of signing, ISO 8601 with offset; empty is a draft."),
        Column("signature_meaning", "text", "What the signature means."),
        Column("signature", "text", "Hash over the assessment and the signer's account."),
        Column("withdrawn_on", "date", "Day it was withdrawn by its author."),
        Column("withdrawn_reason", "text", "Why."),
    ),
    key=("assessment_id",),
)

NARRATIVES = Table(
    "narratives",
    "What people wrote into the case narrative, kept apart from the generated sentences.",
    (
        Column("narrative_id", "id", "Identifier of the row.", required=True),
        _CASE,
        Column("section", "text", "Section of the narrative the text belongs to.", required=True),
        Column("text", "text", "The person's text.", required=True, personal=True),
        Column("place", "choice", "Beside the generated sentences, or shown instead of them.", choices=("after", "instead")),
        Column("written_by", "text", "Who wrote it.", required=True),
        Column("written_on", "date", "When.", required=True),
        Column("generated", "text", "Fingerprint of the generated sentences that the person saw."),
    ),
    key=("narrative_id",),
)

DUPLICATE_LINKS = Table(
    "duplicate_links",
    "A person's decision on two reports that may tell of one event: linked, never merged, undoable.",
    (
        Column("link_id", "id", "Identifier of the link.", required=True),
        Column("case_a", "id", "One case.", required=True, refers_to="cases.case_id", personal=True),
        Column("case_b", "id", "The other case.", required=True, refers_to="cases.case_id", personal=True),
        Column("score", "number", "Probability of the match when it was shown.", unit="fraction", low=0, high=1),
        Column("decision", "choice", "The decision.", required=True, choices=("same_event", "different", "undecided")),
        Column("decided_by", "text", "Who decided.", required=True),
        Column("decided_on", "date", "When.", required=True),
        Column("reason", "text", "Why."),
        Column("undone_by", "text", "Who undid it."),
        Column("undone_on", "date", "When it was undone."),
        Column("undone_reason", "text", "Why it was undone."),
    ),
    key=("link_id",),
)

TABLES = (CASE_REPORTS, EVENT_CODES, SAMPLE_CHECKS, TESTING_REQUESTS, ASSESSMENTS, NARRATIVES, DUPLICATE_LINKS)

"""The tables that a registry keeps beside the study tables: consent, evidence, plans, studies, imports.

Specimens are the ``samples`` of the study tables (``stored_at``, ``amount_left``); persistence and
replication-competence tests are its ``assay_results``.
"""

from __future__ import annotations

from aftercar.vocab.columns import Column, Table

_PERSON = Column("person_id", "id", "The person.", required=True, refers_to="people.person_id", personal=True)
_NOTE = Column("note", "text", "Free text for people; never analysed. No names, no dates of birth.", personal=True)

CONSENT_SCOPES = ("follow_up", "data_use", "data_sharing", "genetic_testing", "recontact")

CONSENTS = Table(
    "consents",
    "One row for each consent given: to what, in which version, and when it was withdrawn.",
    (
        Column("consent_id", "id", "Identifier of the consent.", required=True),
        _PERSON,
        Column(
            "scope",
            "choice",
            "What was agreed to; withdrawal of follow_up stops every plan of the person.",
            required=True,
            choices=CONSENT_SCOPES,
        ),
        Column("version", "text", "Version of the form that was signed.", required=True),
        Column("given_on", "date", "Day it was given.", personal=True),
        Column("withdrawn_on", "date", "Day it was withdrawn; empty while it stands.", personal=True),
        _NOTE,
    ),
    key=("consent_id",),
)

RESULT_DOCUMENTS = Table(
    "result_documents",
    "One row for each result document about a sample or a case: the verdict, and the document it was read from.",
    (
        Column("document_id", "id", "Identifier of the document.", required=True),
        _PERSON,
        Column("case_id", "id", "The case.", refers_to="cases.case_id"),
        Column("sample_id", "id", "The sample.", refers_to="samples.sample_id"),
        Column(
            "kind",
            "choice",
            "What kind of document it is.",
            required=True,
            choices=("transgene_verdict", "clonal_haematopoiesis", "site_analysis", "pathology", "causality", "other"),
        ),
        Column("produced_on", "date", "Day it was produced.", personal=True),
        Column("produced_by", "text", "Program and version, or laboratory."),
        Column("statement", "text", "Its statement in one line, for example present_clonal."),
        Column("document", "text", "The document itself, as JSON or text."),
        Column("digest", "text", "SHA-256 of the original file."),
        _NOTE,
    ),
    key=("document_id",),
)

STUDIES = Table(
    "studies",
    "The head of each imported study folder (title, data lock, settings), kept so that it can be written out again.",
    (
        Column("study_id", "id", "Identifier of the study in this store.", required=True),
        Column("title", "text", "Its title."),
        Column("data_lock", "date", "Last day that the data cover."),
        Column("head", "text", "The text of its study.toml."),
    ),
    key=("study_id",),
    level="aggregate",
)

SITE_PLANS = Table(
    "site_plans",
    "A site's own follow-up plan, as TOML text; the newest version of each name applies.",
    (
        Column("site_plan_id", "id", "Name and version of the plan.", required=True),
        Column("name", "id", "Name of the plan.", required=True),
        Column("version", "text", "Version of the plan.", required=True),
        Column("plan", "text", "The plan as TOML.", required=True),
        Column("active", "choice", "Whether it applies.", required=True, choices=("yes", "no")),
    ),
    key=("site_plan_id",),
    level="aggregate",
)

IMPORTS = Table(
    "imports",
    "One row for each import that changed something: what was read, what it changed, and the full report.",
    (
        Column("import_id", "id", "Identifier of the import.", required=True),
        Column(
            "format", "choice", "What was read.", required=True, choices=("study", "workbook", "tables", "fhir", "omop", "meddra")
        ),
        Column("name", "text", "Name of the file or folder."),
        Column("digest", "text", "SHA-256 over what was read."),
        Column("added", "integer", "Records added.", unit="records", low=0),
        Column("changed", "integer", "Records changed.", unit="records", low=0),
        Column("unchanged", "integer", "Records that were there already.", unit="records", low=0),
        Column("report", "text", "The report as JSON."),
    ),
    key=("import_id",),
    level="aggregate",
)

SIGNAL_ENTRIES = Table(
    "signal_entries",
    "The signal ledger: one row for each step taken on a signal. Rows are added and never changed.",
    (
        Column("entry_id", "id", "Number of the entry in the ledger, from 000001.", required=True),
        Column("signal", "id", "Name of the signal.", required=True),
        Column(
            "step",
            "choice",
            "What was done.",
            required=True,
            choices=("detect", "validate", "confirm", "assess", "close", "reopen", "evidence", "note"),
        ),
        Column(
            "state",
            "choice",
            "State of the signal after it.",
            required=True,
            choices=("detected", "validated", "confirmed", "assessed", "closed"),
        ),
        Column("decided_by", "text", "Who did or decided it.", required=True),
        Column("decided_on", "date", "Day.", required=True),
        Column("why", "text", "Reason in words.", required=True),
        Column("topic", "text", "Event and product, with the first entry."),
        Column(
            "outcome",
            "choice",
            "How it was closed.",
            choices=("refuted", "not_prioritised", "monitoring", "label_change", "risk_minimisation", "no_action", "other"),
        ),
        Column("data_lock", "date", "Last day that the figures cover."),
        Column("figures", "text", "Figures by name, as JSON."),
        Column("query", "text", "How the figures were made, so that they can be made again."),
        Column("software", "text", "Version that made them."),
        Column("previous", "text", "SHA-256 of the entry before."),
    ),
    key=("entry_id",),
    level="aggregate",
)

FOLLOW_UP_TASKS = Table(
    "follow_up_tasks",
    "What is asked of whom and when: one row for each task of a plan, with its state on one day. Derived, never stored.",
    (
        _PERSON,
        Column("centre", "id", "Treating centre.", personal=True),
        Column("infusion_id", "id", "Infusion it is counted from.", personal=True),
        Column("plan", "id", "Plan and version."),
        Column("rule", "id", "Rule of the plan."),
        Column("task", "text", "What is to be done."),
        Column("opens_on", "date", "First day on which it counts.", personal=True),
        Column("due_on", "date", "Day it is due.", personal=True),
        Column("closes_on", "date", "Last day on time.", personal=True),
        Column(
            "state",
            "choice",
            "State on the day asked for.",
            choices=("upcoming", "due", "done", "overdue", "missed", "stopped", "before_entry"),
        ),
        Column("done_on", "date", "Day of the contact or test that fulfils it.", personal=True),
        Column("source", "text", "Source of the rule."),
        Column("mark", "text", "How well the rule was checked against its source."),
    ),
    key=("person_id", "infusion_id", "plan", "rule", "due_on"),
    level="result",
)

TABLES = (CONSENTS, RESULT_DOCUMENTS, STUDIES, SITE_PLANS, IMPORTS, SIGNAL_ENTRIES, FOLLOW_UP_TASKS)

"""The accounts of the web app. Passwords are kept as hashes; neither they nor second factors enter the trail in clear."""

from __future__ import annotations

from aftercar.vocab.columns import Column, Table

ACCOUNTS = Table(
    "accounts",
    "One row for each person who may sign in.",
    (
        Column("account_id", "id", "Identifier; stands in the audit trail.", required=True, personal=True),
        Column("email", "text", "Address for sign-in and messages, in lower case.", required=True, personal=True),
        Column("name", "text", "Name as it stands under a signature.", required=True, personal=True),
        Column("organisation", "text", "Organisation.", required=True),
        Column(
            "organisation_type",
            "choice",
            "Kind of organisation.",
            required=True,
            choices=(
                "treatment_centre",
                "laboratory",
                "regulator",
                "marketing_authorisation_holder",
                "registry",
                "university",
                "other",
            ),
        ),
        Column("country", "text", "Country, ISO 3166-1 alpha-2.", required=True),
        Column("roles", "list", "Roles; what each may do is defined in actions/permissions.", required=True),
        Column("centres", "list", "Centres whose records are within reach; empty means all."),
        Column("state", "choice", "Whether the account can be used.", required=True, choices=("invited", "active", "closed")),
        Column("password_hash", "text", "argon2id hash of the password."),
        Column("totp_secret", "text", "Secret of the second factor; empty means none."),
        Column("oidc_subject", "text", "Issuer and subject of the organisation's account that signs in here.", personal=True),
        Column("oidc_seen_on", "date", "Last day of a sign-in with that account.", personal=True),
    ),
    key=("account_id",),
)

TABLES = (ACCOUNTS,)

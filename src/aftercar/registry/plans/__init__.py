"""The follow-up plans that ship with AfterCAR: one TOML file each, every rule with its source and mark."""

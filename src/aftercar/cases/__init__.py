"""What happened to whom: intake, validity, duplicates, tests, causality, narrative, E2B."""

"""One file for each thing a person does; permission and audit happen here."""

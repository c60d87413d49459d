"""One file for each noun of the command line: parses, calls an action, prints."""

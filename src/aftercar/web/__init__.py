"""One file for each page: checks permission, calls an action, renders."""

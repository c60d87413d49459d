"""One file for each area of the app; every page is a context, a template and its data twin."""

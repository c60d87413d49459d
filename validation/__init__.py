"""Comparisons with R and with published figures, and simulation studies; each part prints its own table of agreement."""

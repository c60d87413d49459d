"""Saturation-corrected abundance against an independent R implementation of Berry et al. (Bioinformatics 2012)."""

"""Is it more than expected: rates, incidence, onset, expected, homogeneity, disproportionality, sequential."""

"""Who is at risk and since when: person-time, baseline, exposure, background, disclosure."""

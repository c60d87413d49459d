"""AfterCAR: lifelong surveillance of people treated with CAR T cells.

Reads become evidence, evidence and registry become cases, cases and cohort become signals and
biomarkers, and all of it becomes a report. See ``ARCHITECTURE.md`` for the map.
"""

__version__ = "0.1.0"

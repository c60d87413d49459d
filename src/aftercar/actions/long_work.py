"""Every kind of long work, by the name under which it is queued."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

from aftercar.actions import sample_analyses, sample_variants, uploaded_imports
from aftercar.actions.sample_analyses import Bench, Telling
from aftercar.store import Store, web_jobs

Kind = Callable[[Store, Bench, web_jobs.Job, Telling, Callable[[], dt.datetime]], str]

WORK: Mapping[str, Kind] = {
    sample_analyses.KIND: sample_analyses.analyse,
    sample_variants.KIND: sample_variants.call_variants,
    uploaded_imports.CHECK: uploaded_imports.run_check,
    uploaded_imports.KEEP: uploaded_imports.run_keep,
}

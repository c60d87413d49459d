"""Which form of each kernel does the work: the compiled one, or the NumPy one where numba is missing.

Callers look the functions up here at each call, so that tests can put the other form in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aftercar.reads import arrays, arrays_walks, walk_bam, walk_fastq, walk_text
from aftercar.reads.native import HAVE_NUMBA

Form = Callable[..., Any]

#: (compiled form, NumPy form) by the name under which callers find it here.
BOTH: dict[str, tuple[Form, Form]] = {
    "bam": (walk_bam.walk, arrays_walks.bam),
    "names": (walk_bam.walk_names, arrays_walks.names),
    "name_hash": (walk_bam.name_hash, arrays_walks.name_hash),
    "fastq": (walk_fastq.walk, arrays_walks.fastq),
    "any_candidate": (walk_text.any_candidate, arrays.any_candidate),
    "any_match": (walk_text.any_match, arrays.any_match),
    "itf8_values": (walk_text.itf8_values, arrays.itf8_values),
}

bam: Form
names: Form
name_hash: Form
fastq: Form
any_candidate: Form
any_match: Form
itf8_values: Form
bam, names, name_hash, fastq, any_candidate, any_match, itf8_values = (
    compiled if HAVE_NUMBA else plain for compiled, plain in BOTH.values()
)

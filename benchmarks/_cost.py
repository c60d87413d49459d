"""CPU, wall time and peak memory of one command, measured on its own process."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# A process forked from a large one is charged that one's peak memory, so a bare interpreter stands in between.
_LAUNCHER = """
import json, os, sys, time
start = time.perf_counter()
child = os.fork()
if not child:
    os.execvp(sys.argv[2], sys.argv[2:])
status, used = os.wait4(child, 0)[1:]
with open(sys.argv[1], "w") as out:
    json.dump([used.ru_utime + used.ru_stime, time.perf_counter() - start, used.ru_maxrss / 1e6], out)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@dataclasses.dataclass(frozen=True)
class Cost:
    """CPU seconds, wall seconds and peak memory in GB (of a pipeline: of its largest process)."""

    cpu: float
    wall: float
    memory: float

    def words(self) -> str:
        return f"CPU {self.cpu:.1f} s wall {self.wall:.1f} s memory {self.memory:.2f} GB"

    def over(self, other: Cost) -> str:
        """This cost as multiples of another."""
        return f"CPU {self.cpu / other.cpu:.1f}x wall {self.wall / other.wall:.1f}x memory {self.memory / other.memory:.1f}x"


def measured(command: Sequence[object], note: Path) -> Cost:
    """Run a command to its end; raises when it fails."""
    words = [sys.executable, "-S", "-c", _LAUNCHER, str(note), *map(str, command)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stderr[-2_000:]}")
    return Cost(*json.loads(note.read_text()))

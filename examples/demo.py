"""What ``make demo`` runs: simulate the centre's tumour reads, assess both example studies, say where the reports are."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from aftercar.actions.assess import REPORT, assess
from aftercar.cli.output import progress, say
from aftercar.reports.summary import lines
from aftercar.testing.centre_reads import write_reads

EXAMPLES = Path(__file__).resolve().parent
DEMO = EXAMPLES.parent / "demo"


def main() -> None:
    """Run the main job on both examples and print their findings."""
    begun = time.monotonic()
    centre = DEMO / "centre"
    say("simulating three tumour samples ...")
    shutil.copytree(EXAMPLES / "centre", centre, dirs_exist_ok=True)
    write_reads(centre)
    reports = {}
    for name, study in (("centre", centre), ("published", EXAMPLES / "published")):
        say(f"assessing {name} ...")
        with progress() as tell:
            found = assess(study, DEMO / f"{name}-report", tell)
        reports[name] = DEMO / f"{name}-report" / REPORT
        print("\n".join(lines(found)), end="\n\n")
    say(f"done in {time.monotonic() - begun:.0f} s")
    for name, report in reports.items():
        print(f"report ({name}): {report}")


if __name__ == "__main__":
    main()

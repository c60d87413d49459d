"""Duplicates among simulated reports: precision, recall and time as the number of reports grows."""

from __future__ import annotations

import resource
import time

from aftercar.cases.duplicates import DuplicateSettings, find_duplicates
from aftercar.testing.duplicates import simulate_reports


def main(sizes: tuple[int, ...] = (1_000, 10_000, 100_000)) -> list[dict[str, float]]:
    rows = []
    print(
        f"{'reports':>9} {'true pairs':>10} {'compared':>12} {'shown':>7} {'precision':>9} {'recall':>7} {'seconds':>8} {'MB':>6}"
    )
    for size in sizes:
        reports, truth = simulate_reports(int(size * 0.95), int(size * 0.05), seed=size)
        start = time.perf_counter()
        found = find_duplicates(reports, DuplicateSettings())
        seconds = time.perf_counter() - start
        pairs = {tuple(sorted((item.first, item.second))) for item in found.candidates}
        right = len(pairs & truth)
        precision, recall = right / max(1, len(pairs)), right / len(truth)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{len(reports):>9,} {len(truth):>10,} {found.compared:>12,} {len(pairs):>7,} {precision:>9.3f} {recall:>7.3f} "
            f"{seconds:>8.1f} {memory:>6.0f}"
        )
        rows.append({"reports": len(reports), "precision": precision, "recall": recall, "seconds": seconds})
        if found.skipped:
            print(f"  blocks left out: {len(found.skipped)}, largest {max(size for _, size in found.skipped):,}")
    return rows


if __name__ == "__main__":
    main()

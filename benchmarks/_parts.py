"""Run the named parts of a benchmark, or all of them."""

import sys


def run_parts(parts):
    asked = sys.argv[1:]
    for part in parts:
        if asked and part.__name__ not in asked:
            continue
        print(f"== {part.__name__}")
        try:
            part()
        except FileNotFoundError as error:
            print(f"skipped: {error}")

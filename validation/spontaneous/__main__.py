"""Run the comparison of spontaneous-report statistics with R."""

import sys

from validation.spontaneous import main

sys.exit(1 if main() else 0)

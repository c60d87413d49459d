"""``python -m aftercar`` is the command line."""

from aftercar.cli.main import main

main()

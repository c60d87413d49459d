"""Speed and accuracy, measured: one module a question, each with a ``main()`` that prints a table.

``python -m benchmarks`` (``make bench``) runs them all; ``python -m benchmarks NAME ...`` runs some.
"""

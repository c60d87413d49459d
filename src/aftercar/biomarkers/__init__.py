"""What at baseline foretells it: clonal haematopoiesis calls, models, sampling designs, power."""

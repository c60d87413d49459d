"""The individual case safety report of ICH E2B(R3): its elements, a message as values, rules, and the way from and to a case."""

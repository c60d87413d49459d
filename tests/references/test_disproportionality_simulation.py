"""The simulated error rates of ``validation/spontaneous`` keep what the methods promise."""

import pytest

from validation.spontaneous.simulation import lines


@pytest.mark.slow
def test_every_promise_is_kept():
    broken = [f"{line.name}: {line.share:.4f} for {line.promised:.4f} ({line.rule})" for line in lines() if not line.holds]
    assert broken == []

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercar.vocab.dates import PartialDate, add_months

days = st.dates(dt.date(1900, 1, 1), dt.date(2100, 12, 31))
partial = days.flatmap(
    lambda d: st.sampled_from([PartialDate(d.year), PartialDate(d.year, d.month), PartialDate(d.year, d.month, d.day)])
)


@given(partial)
def test_text_and_back(date):
    assert PartialDate.parse(str(date)) == date
    assert date.earliest <= date.middle <= date.latest


@given(partial, partial)
def test_certainly_before_is_possibly_before_and_never_both_ways(a, b):
    if a.certainly_before(b):
        assert a.possibly_before(b)
        assert not b.possibly_before(a)


@given(days, st.integers(-600, 600))
def test_months_keep_the_day_or_the_last_of_the_month(day, months):
    later = add_months(day, months)
    assert (later.year - day.year) * 12 + later.month - day.month == months
    assert later.day == day.day or (later + dt.timedelta(days=1)).day == 1


@pytest.mark.parametrize("text", ["2023-13", "2023-02-30", "23-01-01", "2023/01/01", "01.02.2023", "", "2023-1-1"])
def test_other_forms_are_refused(text):
    with pytest.raises(ValueError, match=r"date|month|day"):
        PartialDate.parse(text)

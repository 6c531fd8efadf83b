"""More evidence never makes a bound worse, and a plan keeps what it says."""

from hypothesis import given, settings
from hypothesis import strategies as st

import labelsieve as ls
from labelsieve.screening.draws import audit_size, most_odd


@st.composite
def audits(draw: st.DrawFn) -> tuple[int, int, int, int]:
    unreviewed = draw(st.integers(0, 10**8))
    audited = draw(st.integers(0, min(unreviewed, 10**6)))
    return draw(st.integers(0, 10**5)), unreviewed, audited, draw(st.integers(0, min(audited, 50)))


@given(audits(), st.floats(0.5, 0.999))
@settings(max_examples=60, deadline=None)
def test_the_bound_moves_with_each_argument_in_the_right_direction(
    audit: tuple[int, int, int, int], sure: float
) -> None:
    found, unreviewed, audited, odd = audit
    bound = ls.recall_bound(*audit, sure).bound
    assert 0 <= bound <= 1
    assert ls.recall_bound(found + 1, unreviewed, audited, odd, sure).bound >= bound
    assert ls.recall_bound(found, unreviewed + 1, audited, odd, sure).bound <= bound
    if audited < unreviewed:
        assert ls.recall_bound(found, unreviewed, audited + 1, odd, sure).bound >= bound
    if odd < audited:
        assert ls.recall_bound(found, unreviewed, audited, odd + 1, sure).bound <= bound
    assert ls.recall_bound(*audit, (1 + sure) / 2).bound <= bound


@given(audits())
@settings(max_examples=60, deadline=None)
def test_a_bound_knows_its_limits(audit: tuple[int, int, int, int]) -> None:
    _, unreviewed, audited, odd = audit
    promise = ls.recall_bound(*audit)
    most = promise.checked["odd_at_most"]
    assert odd <= most <= unreviewed - audited + odd
    assert promise.bound <= promise.checked["with_audit"]
    rest = ls.rest_bound(unreviewed, audited, odd)
    assert rest.checked["odd_left_at_most"] == most - odd
    hidden = {"search": (100, 97)}
    if unreviewed < 10**5:
        assert ls.reviewed_recall_bound(*audit, hidden).bound <= promise.bound


@given(st.integers(1, 10**7), st.integers(0, 1000), st.integers(0, 5), st.floats(0.8, 0.99))
@settings(max_examples=60, deadline=None)
def test_an_audit_size_is_the_smallest(pool: int, at_most: int, odd: int, sure: float) -> None:
    size = audit_size(pool, at_most, odd, sure)
    if size is None:
        assert at_most < odd
        return
    if odd <= size <= pool:
        assert most_odd(pool, size, odd, sure) <= max(at_most, odd)
        if size > odd:
            assert most_odd(pool, size - 1, odd, sure) > at_most

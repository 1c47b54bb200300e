"""When something counts as overdue: after a whole grace in which a worker could have paged it."""

from reconciler.vigil import Vigil


GRACE = 30_000


def test_nothing_is_overdue_before_the_grace_has_passed_once() -> None:
    """Workers that start together with the reconciler get as long as any."""
    vigil = Vigil(GRACE)

    assert [None, None] == [vigil.overdue_before(100_000, 0), vigil.overdue_before(129_999, 29_999)]
    assert 100_000 == vigil.overdue_before(130_000, 30_000)


def test_an_outage_begins_it_anew() -> None:
    """What we could not read they could not read either."""
    vigil = Vigil(GRACE)
    vigil.overdue_before(100_000, 0)
    vigil.interrupted()

    assert vigil.overdue_before(130_000, 30_000) is None
    assert 130_000 == vigil.overdue_before(160_000, 60_000)


def test_a_clock_that_is_put_forward_makes_nothing_overdue() -> None:
    """What it makes due is due only now."""
    vigil = Vigil(GRACE)
    vigil.overdue_before(100_000, 0)

    assert vigil.overdue_before(100_000 + 3_600_000, 40_000) is None
    assert 3_660_000 + 40_000 == vigil.overdue_before(3_600_000 + 100_000 + 30_000, 70_000)


def test_a_clock_that_is_slightly_off_is_no_step() -> None:
    """Or a watch beside a drifting clock would never begin."""
    vigil = Vigil(GRACE)
    vigil.overdue_before(100_000, 0)

    assert 100_500 == vigil.overdue_before(130_500, 30_000)

"""Claims in a real Redis: whoever sets one first has it, however many are asked for together."""

from datetime import timedelta

from ackline.local_stack import Endpoints
from state.claims import Claim, Contest, RedisClaims, Winner
from state.client import connect
from tests.edge import settings_for


async def test_of_many_claims_each_is_his_who_was_first(stack: Endpoints, topic_prefix: str) -> None:
    """Won, lost to an ACK, and lost to a page that is one's own from before a crash: in one call, in their order."""
    redis = connect(settings_for(stack, topic_prefix).redis)
    claims = RedisClaims(redis, prefix=topic_prefix, timeout=timedelta(seconds=20))
    contests = [Contest(name, number) for name in ("a", "b", "c") for number in (1, 2)]
    ann, before, now = Claim(Winner.ACK, 1, "ann"), Claim(Winner.PAGE, 2), Claim(Winner.PAGE, 3)

    assert [ann, ann] == await claims.claim([contests[1], contests[4]], ann)
    assert [before] == await claims.claim([contests[3]], before)
    assert [now, ann, now, before, ann, now] == await claims.claim(contests, now)
    await redis.aclose()

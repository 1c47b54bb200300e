"""Stories as one HTML file for a post-mortem: it asks nothing of anybody, and runs nothing.

Titles, names and labels are somebody else's text: all of it is escaped, and the page's own policy allows no script.
"""

from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from audit.story import Happened, Story
from audit.words import clock, length


def page_of(stories: Sequence[Story], from_ms: int, to_ms: int) -> str:
    """The whole file."""
    environment = Environment(
        loader=PackageLoader("audit", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=False
    )
    template = environment.get_template("post_mortem.html.j2")
    return template.render(
        stories=stories, from_ms=from_ms, to_ms=to_ms, clock=clock, length=length, place_of=_place_of, since=_since
    )


def _place_of(story: Story, happened: Happened) -> str:
    """Where on the story's line it happened, in percent."""
    times = [each.at_ms for each in story.happened]
    span = max(times) - min(times) or 1
    return f"{100 * (happened.at_ms - min(times)) / span:.2f}"


def _since(story: Story, happened: Happened) -> str:
    """How long after its beginning."""
    return f"+{length(happened.at_ms - story.began_ms)}"

"""Looks at HTML pages, for tests."""

from html.parser import HTMLParser


class Tags(HTMLParser):
    """All tags and addresses of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str | None] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in {"src", "href", "action"}]

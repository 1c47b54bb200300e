"""Who may acknowledge by a GET: people's browsers by their page and programs at once, and nothing that only looks."""

import pytest

from ingest.visitor import Visitor, who_asks


HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"


@pytest.mark.parametrize("agent", [FIREFOX, CHROME, IPHONE])
def test_a_browser_is_a_person(agent: str) -> None:
    """A person gets the page."""
    assert Visitor.BROWSER == who_asks({"user-agent": agent, "accept": HTML})


@pytest.mark.parametrize(
    "headers",
    [
        {"user-agent": "curl/8.5.0", "accept": "*/*"},
        {"user-agent": "python-requests/2.32.3", "accept": "*/*"},
        {"user-agent": "Wget/1.21", "accept": "*/*"},
        {"user-agent": "Go-http-client/1.1"},
        {"accept": "application/json"},
        {},
    ],
)
def test_a_program_asks_for_no_html(headers: dict[str, str]) -> None:
    """It has nobody to show a page to, and means what it does."""
    assert Visitor.PROGRAM == who_asks(headers)


@pytest.mark.parametrize(
    "agent",
    [
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "Slackbot 1.0 (+https://api.slack.com/robots)",
        "Slack-ImgProxy (+https://api.slack.com/robots)",
        "Twitterbot/1.0",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
        "TelegramBot (like TwitterBot)",
        "WhatsApp/2.23.20.0",
        "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
        "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
        "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.5364; Pro)",
        "Mozilla/4.0 (compatible; ms-office; MSOffice 16)",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
        "Mozilla/5.0 AppleWebKit/537.36 Chrome/100 Safari/537.36 (compatible; Google-PageRenderer Google)",
        "Mozilla/5.0 (Windows NT 6.1) AppleWebKit/534+ (KHTML, like Gecko) BingPreview/1.0b",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "Mattermost-Bot/1.1",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/139.0 Safari/537.36",
    ],
)
@pytest.mark.parametrize("accept", [HTML, "*/*"])
def test_a_link_preview_only_looks(agent: str, accept: str) -> None:
    """Whatever it asks for, nobody has taken the incident on."""
    assert Visitor.ONLOOKER == who_asks({"user-agent": agent, "accept": accept})


@pytest.mark.parametrize(
    "header",
    [
        {"sec-purpose": "prefetch"},
        {"sec-purpose": "prefetch;prerender"},
        {"purpose": "prefetch"},
        {"purpose": "preview"},
        {"x-moz": "prefetch"},
        {"x-purpose": "preview"},
    ],
)
@pytest.mark.parametrize("accept", [HTML, "*/*"])
def test_a_prefetch_only_looks(header: dict[str, str], accept: str) -> None:
    """The person has not clicked yet."""
    assert Visitor.ONLOOKER == who_asks({"user-agent": CHROME, "accept": accept, **header})

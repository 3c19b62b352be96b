"""What a browser says it is, in words that people know."""

import re

_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Version", "Safari"))
_SYSTEMS = ("Windows", "Android", "iPhone", "iPad", "Mac OS X", "CrOS", "Linux")
_NAMES = {"Mac OS X": "macOS", "CrOS": "ChromeOS"}
UNKNOWN = "unknown browser"


def browser_words(agent: str) -> str:
    """The browser and its system of a User-Agent header; its first word where it is none that is known.

    >>> browser_words("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0"), browser_words("curl/8.1")
    ('Firefox 140 on Linux', 'curl/8.1')
    """
    system = next((name for name in _SYSTEMS if name in agent), "")
    for mark, name in _BROWSERS:
        if found := re.search(rf"\b{mark}/([0-9]{{1,4}})", agent):
            return f"{name} {found[1]}" + (f" on {_NAMES.get(system, system)}" if system else "")
    return agent.split(" ", maxsplit=1)[0][:60] or UNKNOWN

"""What all pages share: one HTML file that needs nothing else.

What a page shows comes from the traffic, so all of it is hostile: templates escape everything, control and
direction marks are made visible, and the page's security policy runs no script and no style but its own.
"""

import base64
import hashlib
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from jinja2 import BaseLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from oddflow import __version__
from oddflow.reports import words
from oddflow.verdicts.alert import utc


def rendered(template: str, *, generated: datetime | None = None, more_style: str | None = None, **shown: Any) -> str:
    """A page of `templates/shell.html` as HTML.

    Args:
        template: The file that fills the shell.
        generated: When the page was made; now if None.
        more_style: A further style sheet of ours.
        shown: What the template speaks of.
    """
    style = Markup("").join(_part(name) for name in ("style.css", more_style) if name)
    script = _part("script.js")
    return (
        environment(PackageLoader("oddflow.reports"))
        .get_template(template)
        .render(
            policy=_policy(style, script),
            style=style,
            script=script,
            version=__version__,
            generated=f"{generated or datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
            **shown,
        )
    )


def environment(loader: BaseLoader) -> Environment:
    """What templates are rendered with: everything escaped, every text of others made visible."""
    made = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    helpers = (words.count, words.number, words.share, words.endpoint, words.moment, utc)
    made.globals.update({helper.__name__: helper for helper in helpers})
    return made


def _shown(value: object) -> object:
    """What a template prints: text of ours as it is, every other text made visible."""
    return words.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _part(name: str) -> Markup:
    """A file of the package that stands in the page as it is: no word of the traffic is ever in it."""
    return Markup(files("oddflow.reports").joinpath("templates", name).read_text("utf-8"))  # noqa: S704


def report_policy() -> str:
    """The policy of the report of a detection, for whoever serves one that another process wrote."""
    return _policy(_part("style.css"), _part("script.js"))


def _policy(style: str, script: str) -> str:
    """A Content-Security-Policy under which only this very style and script work, and nothing is loaded."""
    hashes = [base64.b64encode(hashlib.sha256(one.encode("utf-8")).digest()).decode("ascii") for one in (style, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )

"""Where alerts go, as a person writes it: one URL for each receiver.

file:alerts.eve?format=eve
syslog+udp://HOST:514   syslog+tcp://HOST:601   syslog+tls://HOST:6514?ca=FILE
https://HOST/PATH?THEIRS#secret=env:NAME
smtp://USER@HOST:587?from=A&to=B&password=env:NAME&interval=3600
kafka://HOST:9092,HOST:9092/TOPIC
"""

import hashlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from oddflow.errors import UsageError
from oddflow.files import reason_of

PORTS = {
    "syslog+udp": 514, "syslog+tcp": 601, "syslog+tls": 6514, "http": 80, "https": 443, "smtp": 587, "smtps": 465,
    "kafka": 9092, "file": 0,
}  # fmt: skip
OPTIONS = {
    "file": {"about", "format"},
    "syslog+udp": {"about", "format"},
    "syslog+tcp": {"about", "format"},
    "syslog+tls": {"about", "format", "ca", "cert", "key"},
    "http": {"about", "format", "secret", "token"},
    "https": {"about", "format", "secret", "token", "ca"},
    "smtp": {"about", "from", "to", "password", "interval", "tls", "ca"},
    "smtps": {"about", "from", "to", "password", "interval", "ca"},
    "kafka": {"about", "format", "security", "mechanism", "password", "ca"},
}
ABOUT = {"alerts": ("alert",), "incidents": ("incident",), "all": ("alert", "incident")}
"""What a receiver wants to be told of, in kinds of notices."""
WEBHOOKS = {"http", "https"}
LONGEST_SECRET = 4_096


@dataclass(frozen=True, slots=True)
class Address:
    """A receiver's URL, taken apart.

    Attributes:
        scheme: Which transport.
        host: Its name or address; for Kafka, brokers with commas between.
        port: Its port; the usual one unless given.
        path: Of the URL, with the query of a webhook; a file's name; a topic.
        user: Whom to log in as.
        options: Ours, by name.
    """

    scheme: str
    host: str
    port: int
    path: str
    user: str = ""
    options: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Takes a URL apart.

        Raises:
            UsageError: It is of no known kind, or something is missing, unknown or secret in it.
        """
        try:
            parts = urlsplit(text)
            port = None if parts.scheme == "kafka" else parts.port
        except ValueError as error:
            raise UsageError(f"--to {_shown(text)}: {error}; expected a URL like syslog+tls://host:6514") from None
        scheme = parts.scheme
        if scheme not in PORTS:
            raise UsageError(
                f"--to {_shown(text)}: no transport {scheme or 'named'!r}; known: {', '.join(PORTS)}, "
                "as in syslog+tls://host:6514"
            )
        if parts.password is not None:
            raise UsageError(
                f"--to {_shown(text)} holds a password, which others can read in the list of processes; leave it out "
                "and add password=env:NAME or password=file:PATH"
            )
        is_webhook = scheme in WEBHOOKS
        if parts.fragment and not is_webhook:
            raise UsageError(f"--to {_shown(text)}: options follow a ? here; they follow a # for webhooks alone")
        options = _options(text, scheme, parts.fragment if is_webhook else parts.query)
        if scheme == "file":
            path = unquote(parts.netloc + parts.path)
        elif is_webhook:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        else:
            path = unquote(parts.path).lstrip("/")
        brokers = parts.netloc.rpartition("@")[2] if scheme == "kafka" else ""
        made = cls(
            scheme, brokers or parts.hostname or "", port or PORTS[scheme], path, unquote(parts.username or ""), options
        )
        made._check(text)
        return made

    def _check(self, text: str) -> None:
        if self.options.get("about", "all") not in ABOUT:
            raise UsageError(f"--to {_shown(text)}: expected about=alerts, about=incidents or about=all")
        if self.scheme == "file":
            if not self.path:
                raise UsageError(f"--to {_shown(text)} names no file; expected one like file:alerts.eve?format=eve")
            return
        if not self.host:
            raise UsageError(f"--to {_shown(text)} names no host; expected {self.scheme}://host:{self.port}")
        if self.scheme == "kafka" and not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", self.path):
            raise UsageError(f"--to {_shown(text)} names no topic; expected kafka://host:9092/topic")
        if self.scheme.startswith("smtp") and not (self.options.get("from") and self.options.get("to")):
            raise UsageError(f"--to {_shown(text)}: give from=ADDRESS and to=ADDRESS after a ?")
        if re.search(r"[\x00-\x20\x7f]", self.path + "".join(self.options.values())):
            raise UsageError(f"--to {_shown(text)} holds spaces or control characters; expected none")

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of notices that it is told; alerts alone unless asked otherwise."""
        return ABOUT[self.options.get("about", "alerts")]

    @property
    def name(self) -> str:
        """What it is called in what is printed and in the spool: no option, no user, no query."""
        if self.scheme == "file":
            return f"file:{self.path}"
        where = self.host if self.scheme == "kafka" else f"{self.host}:{self.port}"
        path = self.path.partition("?")[0].lstrip("/")
        return f"{self.scheme}://{where}" + (f"/{path}" if path else "")

    @property
    def folder(self) -> str:
        """Its queue's folder: the same in each run for the same receiver and format."""
        known = f"{self.name} {self.path} {self.user} " + " ".join(
            self.options.get(name, "") for name in ("format", "about", "to")
        )
        digest = hashlib.sha256(known.encode("utf-8", "surrogateescape")).hexdigest()[:12]
        return f"{self.scheme}-{re.sub(r'[^A-Za-z0-9.-]', '_', self.host)[:60]}-{digest}"

    def secret(self, option: str) -> str:
        """A secret that an option names: env:NAME or file:PATH; "" where the option is not given.

        Raises:
            UsageError: It stands in the option itself, or is not where the option says.
        """
        given = self.options.get(option, "")
        if not given:
            return ""
        kind, _, where = given.partition(":")
        if kind == "env" and where:
            if not (found := os.environ.get(where, "")):
                raise UsageError(f"{self.name}: {option} is in no environment variable {where}; set it")
        elif kind == "file" and where:
            try:
                with Path(where).open("rb") as file:
                    found = file.read(LONGEST_SECRET + 1).decode().strip("\r\n")
            except (OSError, ValueError) as error:
                raise UsageError(f"{self.name}: {option} cannot be read from {where}: {reason_of(error)}") from None
        else:
            raise UsageError(
                f"{self.name}: {option} is given as it is, which others can read in the list of processes; "
                f"give {option}=env:NAME or {option}=file:PATH"
            )
        if not found or len(found) > LONGEST_SECRET:
            raise UsageError(f"{self.name}: {option} is empty or longer than {LONGEST_SECRET:,} characters")
        return found


def _options(text: str, scheme: str, query: str) -> dict[str, str]:
    try:
        given = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise UsageError(f"--to {_shown(text)}: expected options like format=eve, with & between") from None
    for name, _ in given:
        if name not in OPTIONS[scheme]:
            raise UsageError(
                f"--to {_shown(text)}: no option {name!r} for {scheme}; known: {', '.join(sorted(OPTIONS[scheme]))}"
            )
    if len(dict(given)) < len(given):
        raise UsageError(f"--to {_shown(text)}: an option is given twice; give it once")
    return dict(given)


def _shown(text: str) -> str:
    """The URL without what may be secret: anything before an @, and values of options."""
    return re.sub(r"//[^/@]*@", "//…@", re.sub(r"([?&#](?!format=)[a-z]+)=[^&#]*", r"\1=…", text))[:200]

"""E-mail: one digest an interval, over SMTP with STARTTLS (RFC 3207) or TLS from the start."""

import hashlib
import smtplib
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate

from oddflow.errors import UsageError
from oddflow.outputs.address import Address
from oddflow.outputs.message import Message
from oddflow.outputs.tls import context_for
from oddflow.outputs.transport import TIMEOUT_S, NotDelivered

LISTED = 100
"""Lines in the mail's text; all are in the attachment."""
INTERVAL_S = 3_600.0


class Mail:
    """Sends what has come in an interval as one mail: the worst first, all of it attached."""

    def __init__(self, address: Address) -> None:
        self.most = 5_000
        self._address = address
        self._password = address.secret("password")
        self._starts_tls = address.scheme == "smtp" and address.options.get("tls", "on") != "off"
        self._context = context_for(address)
        self.interval_s = _interval(address)
        if address.options.get("tls", "on") not in {"on", "off"}:
            raise UsageError(f"{address.name}: tls is {address.options['tls']!r}; expected on or off")
        if self._password and address.scheme == "smtp" and not self._starts_tls:
            raise UsageError(f"{address.name}: a password is not sent in the clear; leave tls=off out")

    def send(self, messages: Sequence[Message]) -> None:
        """As Transport: one mail."""
        try:
            with self._connected() as server:
                if self._starts_tls:
                    server.starttls(context=self._context)
                if self._address.user:
                    server.login(self._address.user, self._password)
                server.send_message(digest(messages, self._address.options["from"], self._address.options["to"]))
        except (OSError, smtplib.SMTPException) as error:
            raise NotDelivered(str(error)[:200]) from None

    def _connected(self) -> smtplib.SMTP:
        host, port = self._address.host, self._address.port
        if self._address.scheme == "smtps":
            return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=self._context)
        return smtplib.SMTP(host, port, timeout=TIMEOUT_S)

    def close(self) -> None:
        """As Transport; each mail has a connection of its own."""


def digest(messages: Sequence[Message], sender: str, receivers: str) -> EmailMessage:
    """One mail of many messages; sent again, it has the same Message-ID."""
    worst = ("HIGH", "MEDIUM", "LOW")
    counts = {name: sum(message.facts.get("severity") == name for message in messages) for name in worst}
    told = ", ".join(f"{count:,} {name.lower()}" for name, count in counts.items() if count)
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = receivers
    mail["Date"] = formatdate()
    noun = "thing" if len(messages) == 1 else "things"
    mail["Subject"] = f"Oddflow: {len(messages):,} odd {noun} ({told})"
    name = hashlib.sha256(" ".join(message.key for message in messages).encode()).hexdigest()[:32]
    mail["Message-ID"] = f"<{name}@oddflow.invalid>"
    ranked = sorted(messages, key=lambda message: worst.index(message.facts.get("severity", "LOW")))
    lines = [message.facts.get("line", message.id) for message in ranked[:LISTED]]
    if len(messages) > LISTED:
        lines.append(f"… and {len(messages) - LISTED:,} more, in the attachment")
    mail.set_content("\n".join(lines) + "\n")
    content = b"".join(message.body + b"\n" for message in messages)
    mail.add_attachment(content, maintype="application", subtype="x-ndjson", filename="alerts.jsonl")
    return mail


def _interval(address: Address) -> float:
    given = address.options.get("interval", str(INTERVAL_S))
    try:
        interval_s = float(given)
    except ValueError:
        interval_s = -1.0
    if not 1 <= interval_s <= 604_800:
        raise UsageError(f"{address.name}: interval is {given!r}; expected seconds, 1 to 604800")
    return interval_s

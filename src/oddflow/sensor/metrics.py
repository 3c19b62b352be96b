"""Counters in Prometheus' text format, on an address of your choice."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer

from oddflow.errors import UsageError
from oddflow.files import reason_of
from oddflow.losses import Loss
from oddflow.sensor.tally import Totals

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
REQUEST_S = 2.0


@dataclass(frozen=True, slots=True)
class Figure:
    """One number for Prometheus; `reason` tells those of the same name apart."""

    name: str
    kind: str
    meaning: str
    value: int
    reason: Loss | None = None


def exposition(totals: Totals, interface: str, *, is_up: bool, workers: int, softnet_dropped: int) -> str:
    """The counters of a sensor as Prometheus reads them."""
    not_metered = "Packets that were not metered, by reason."
    figures = [
        Figure("packets_total", "counter", "Packets that came in: metered and lost.", totals.packets),
        Figure("metered_packets_total", "counter", "Packets that reached a flow.", totals.metered),
        Figure("bytes_total", "counter", "Bytes of the packets that were read, as on the wire.", totals.bytes),
        Figure("flows_total", "counter", "Flows that ended.", totals.flows),
        Figure("evicted_flows_total", "counter", "Flows ended early: too many were open.", totals.evicted_flows),
        Figure("alerts_total", "counter", "Flows over the threshold.", totals.alerts),
        Figure("open_flows", "gauge", "Flows open now.", totals.open_flows),
        *(Figure("lost_packets_total", "counter", not_metered, totals.lost[reason], reason) for reason in Loss),
        Figure(
            "softnet_dropped_packets_total", "counter",
            "Packets that the kernel's backlogs dropped, of all interfaces.", softnet_dropped,
        ),
        Figure("interface_up", "gauge", "1 while the interface is there and up.", int(is_up)),
        Figure("workers", "gauge", "Processes that are metering.", workers),
    ]  # fmt: skip
    return exposition_of(figures, "interface", interface)


def exposition_of(figures: Sequence[Figure], label: str, value: str) -> str:
    """Figures as Prometheus reads them (its text-based exposition format, 0.0.4), all with a label."""
    lines: list[str] = []
    for figure in figures:
        name = f"oddflow_{figure.name}"
        if not any(line.startswith(f"# HELP {name} ") for line in lines):
            lines.extend((f"# HELP {name} {figure.meaning}", f"# TYPE {name} {figure.kind}"))
        more = f',reason="{figure.reason.name.lower()}"' if figure.reason else ""
        lines.append(f'{name}{{{label}="{_escaped(value)}"{more}}} {figure.value}')
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class MetricsServer:
    """Answers GET /metrics, one request after the other.

    Raises:
        UsageError: The address is none, or taken.
    """

    def __init__(self, address: str, text: Callable[[], str]) -> None:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65_535:
            raise UsageError(f"the address for metrics is {address!r}; expected HOST:PORT, like 127.0.0.1:9477")

        class Handler(BaseHTTPRequestHandler):
            """One request."""

            timeout = REQUEST_S

            def do_GET(self) -> None:
                """Answers."""
                if self.path.partition("?")[0] not in ("/metrics", "/"):
                    self.send_error(404, "only /metrics is here")
                    return
                body = text().encode()
                self.send_response(200)
                self.send_header("Content-Type", CONTENT_TYPE)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing: a scrape is no event."""

        try:
            self._server = _Server((host.strip("[]"), int(port)), Handler)
        except (OSError, UnicodeError) as error:
            raise UsageError(f"{address} cannot be listened to for metrics: {reason_of(error)}") from None
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begins to answer, in a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        """Stops answering."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(HTTPServer):
    allow_reuse_address = True

    def handle_error(self, *_: object) -> None:
        """A client that goes away is no concern of ours."""

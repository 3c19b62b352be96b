"""What requests are answered from."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request

from oddflow.models.registry.registry import Registry
from oddflow.server.flowstore.flow_store import FlowStore
from oddflow.server.settings.settings import Settings
from oddflow.server.status import Status
from oddflow.server.store.store import Store


@dataclass(frozen=True, slots=True)
class Service:
    """The running service as its web process sees it; `app.state.service`.

    Attributes:
        settings: What was asked.
        store: Alerts, incidents, feedback, accounts, the trail.
        flows: Flow records.
        registry: Models.
        status: How all is now; cheap.
    """

    settings: Settings
    store: Store
    flows: FlowStore
    registry: Registry
    status: Callable[[], Status]


def service_of(request: Request) -> Service:
    """The service that a request is made to."""
    service: Service = request.app.state.service
    return service

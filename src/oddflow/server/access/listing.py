"""What every route asks of whoever calls it, as the application itself says."""

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from oddflow.server.access.guard import SAFE, Needs
from oddflow.server.access.scope import Scope


@dataclass(frozen=True, slots=True)
class Asked:
    """A route, and what it asks.

    Attributes:
        method, path: Of the route, like "GET" and "/api/v1/alerts/{alert_id}".
        needs: What stands in its signature; None where nothing does.
    """

    method: str
    path: str
    needs: Needs | None

    @property
    def scope(self) -> Scope | None:
        """What a token must be for; None where no token will do."""
        if self.needs is None or not self.needs.tokens:
            return None
        return self.needs.scope or (Scope.READ if self.method in SAFE else Scope.WRITE)


def routes_of(app: FastAPI) -> list[Asked]:
    """All routes of an application, by path and method."""
    found = []
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        asked = max(_needs(dependant), key=lambda needs: needs.role, default=None) if dependant else None
        methods = set(getattr(route, "methods", None) or {"GET"}) - {"HEAD", "OPTIONS"}
        found += [Asked(method, str(route.path), asked) for method in methods]
    return sorted(found, key=lambda one: (one.path, one.method))


def _needs(dependant: Dependant) -> Iterator[Needs]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, Needs):
            yield inner.call
        yield from _needs(inner)

"""Looks at the pages and the API on a state filled from the examples, with accounts that the command line names.

    python benchmarks/service_look.py --state /tmp/look --port 8470 --password 'a long enough one'

For developing only: accounts `admin`, `analyst` and `viewer` have the password that is given, and a token of the admin
is printed. The state is made where it is not there yet; delete the folder to make it anew.
"""

import argparse
import time
from pathlib import Path

import uvicorn

from oddflow.models.registry.registry import Registry
from oddflow.server.access.identity import Role
from oddflow.server.access.passwords import Passwords
from oddflow.server.access.scope import Scope
from oddflow.server.filling import Filled, example_settings, filled_service, status_of
from oddflow.server.flowstore.flow_store import FlowStore
from oddflow.server.status import SourceStatus
from oddflow.server.store.store import Store
from oddflow.server.web.app import make_app
from oddflow.server.web.service import Service

TOLD = "told.json"


def main() -> None:
    """Fills the state where there is none, and answers until it is interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, required=True, help="folder of the state")
    parser.add_argument("--port", type=int, default=8470)
    parser.add_argument("--password", required=True, help="of all three accounts")
    given = parser.parse_args()
    service = opened(given.state, given.port)
    hashed, now_s = Passwords().hashed(given.password), time.time()
    for role in Role:
        name = role.name.lower()
        account = service.store.accounts.by_name(name) or service.store.accounts.add(name, role, now_s=now_s)
        service.store.accounts.set_password(account.id, hashed)
        if role is Role.ADMIN:
            secret, _ = service.store.tokens.add(
                account.id, "service_look", role=role, scopes=list(Scope), days=1, now_s=now_s
            )
    print(f"http://127.0.0.1:{given.port}/ as admin, analyst or viewer")
    print(f"curl -H 'Authorization: Bearer {secret}' http://127.0.0.1:{given.port}/api/v1/incidents")
    uvicorn.run(
        make_app(service), host="127.0.0.1", port=given.port, log_level="warning", timeout_graceful_shutdown=2,
        server_header=False,
    )  # fmt: skip


def opened(state: Path, port: int) -> Service:
    """The service of a state, filled where it is not there yet."""
    told = state / TOLD
    if not told.is_file():
        service = filled_service(state)
        told.write_text(service.status().sources[0].model_dump_json())
        service.flows.close()
        service.store.close()
    settings = example_settings(state, port=port, requests_per_s=1_000)
    status = status_of(settings, Filled(SourceStatus.model_validate_json(told.read_text())))
    return Service(
        settings,
        Store.open(settings.store_url),
        FlowStore(settings.flows_folder),
        Registry(settings.registry_folder),
        lambda: status,
    )


if __name__ == "__main__":
    main()

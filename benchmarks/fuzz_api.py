"""Asks a service that was filled from the examples all that its description allows and forbids, with schemathesis.

    python benchmarks/fuzz_api.py --seed 1 --examples 50

The service runs at a port of 127.0.0.1; the state is in a temporary folder. Exits with what schemathesis does.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import uvicorn

from oddflow.server.access.identity import Role
from oddflow.server.access.scope import Scope
from oddflow.server.filling import filled_service
from oddflow.server.web.app import make_app

CONFIG = """
[checks]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 414, 415, 422, 429]
[[operations]]
include-path = ["/api/v1/flows", "/api/v1/flows/download", "/api/v1/measures", "/api/v1/hosts",
                "/api/v1/hosts/{address}"]
checks.positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 404, 409, 422, 429]
"""
"""Questions have a grammar that no schema can say: 422 tells what is wrong with one; a long address is 414."""


def main() -> int:
    """Fills, serves, asks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=50, help="of each operation")
    parser.add_argument("--port", type=int, default=8479)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="oddflow-") as folder:
        service = filled_service(Path(folder) / "state", port=given.port, requests_per_s=10_000)
        account = service.store.accounts.add("admin", Role.ADMIN, now_s=time.time())
        secret, _ = service.store.tokens.add(
            account.id, "fuzz", role=Role.ADMIN, scopes=list(Scope), days=1, now_s=time.time()
        )
        config = uvicorn.Config(make_app(service), host="127.0.0.1", port=given.port, log_level="error")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        settings = Path(folder) / "schemathesis.toml"
        settings.write_text(CONFIG)
        address = f"http://127.0.0.1:{given.port}/api/v1/openapi.json"
        told = subprocess.run(
            [
                Path(sys.executable).parent / "schemathesis", "--config-file", settings, "run", address,
                "-H", f"Authorization: Bearer {secret}", "--checks", "all", "--mode", "all",
                "--phases", "examples,coverage,fuzzing", "--exclude-path", "/api/v1/live",
                "--max-examples", str(given.examples), "--seed", str(given.seed), "--generation-database", "none",
            ],
            check=False,
        )  # fmt: skip
        server.should_exit = True
        thread.join()
        service.flows.close()
        service.store.close()
        return told.returncode


if __name__ == "__main__":
    sys.exit(main())

"""A service whose one source ships what another one judges, as a group: captures in, alerts and flow files out."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from pyarrow import parquet

from oddflow import api
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger
from oddflow.models.registry.registry import Registry
from oddflow.server.filling import INCIDENT, put_model
from oddflow.server.store.store import Store

PATIENCE_S = 60.0


def count_of(state: Path) -> int:
    """Alerts in the store."""
    with closing(Store.open(f"sqlite:///{state / 'store.db'}")) as store:
        return int(store.alerts.count())


def test_a_capture_becomes_alerts_by_way_of_the_stream(brokers: str, example_model: Path, tmp_path: Path):
    state = tmp_path / "state"
    put_model(Registry(state / "models"), example_model)
    (tmp_path / "in").mkdir()
    part = tmp_path / "a.part"
    shutil.copy(api.examples() / INCIDENT, part)
    os.utime(part, (1, 1))
    part.rename(tmp_path / "in" / "a.pcap.zst")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{one.getsockname()[1]}"
    user = 'user = "root"\n' if os.geteuid() == 0 else ""
    (tmp_path / "oddflow.toml").write_text(
        f'[service]\nstate = "state"\n{user}[web]\nlisten = "{address}"\n'
        f'[stream]\nbrokers = "{brokers}"\npartitions = 4\ncheckpoint_s = 1\n'
        '[[sources]]\nname = "uplink"\nfolder = "in"\nship = "whole"\nmodel = "office"\n'
        '[[sources]]\nname = "site"\nstream = "whole"\nmodel = "office"\n'
    )
    wanted = api.detect(api.examples() / INCIDENT, model=example_model)
    begin = [sys.executable, "-c", "from oddflow.cli.main import main; main()", "serve"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([*begin, str(tmp_path / "oddflow.toml")], stdout=log, stderr=log)
    try:
        until = time.monotonic() + PATIENCE_S
        while count_of(state) < wanted.alerts and time.monotonic() < until:
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0, (tmp_path / "log").read_text()
    finally:
        process.kill()
        process.wait()
    # partitions know less of who asks a service of ours than one judge does: none of these alerts stands on that
    assert count_of(state) == wanted.alerts, (tmp_path / "log").read_text()
    rows = sum(parquet.read_metadata(path).num_rows for path in (state / "flows").rglob("*.parquet"))
    assert rows == sum(batch.num_rows for batch in read_flows(str(api.examples() / INCIDENT), Ledger()))

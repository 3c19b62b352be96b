"""Unlabelled traffic to vectors of services: those that hosts use, or offer, in turn stand beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from oddflow.errors import UsageError
from oddflow.features.columns import services, text_hashes
from oddflow.features.ordering import in_end_order
from oddflow.features.scored import scored
from oddflow.flows.settings import MeterSettings
from oddflow.logs.source import Progress, Source, name_of, read_flows
from oddflow.losses import Ledger
from oddflow.models.port_vectors import MOST_SERVICES, MOST_WIDTH, PortVectors

MOST_FLOWS = 4_000_000
"""Of longer traffic the first flows are learnt from: 100 MB."""
MOST_PAIRS = 2_000_000
WINDOW = 3
"""Services before and after that stand beside one."""


@dataclass(frozen=True, slots=True)
class Walks:
    """Flows in the order in which they ended.

    Attributes:
        services: What each asked for, (n,) int64.
        clients, servers: Hashes of its ends, (n,) uint64.
        left: Flows behind the first `MOST_FLOWS`.
    """

    services: NDArray[np.int64]
    clients: NDArray[np.uint64]
    servers: NDArray[np.uint64]
    left: int = 0


def read_walks(sources: Sequence[Source], ledger: Ledger, *, seed: int = 0, progress: Progress | None = None) -> Walks:
    """Reads which services hosts used, in memory set by `MOST_FLOWS`.

    Raises:
        NothingMetered: No source held a flow.
        InputError: A source cannot be read.
    """
    settings = MeterSettings()
    parts: list[tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.uint64]]] = []
    kept, left = 0, 0
    for source in sources:
        flows = read_flows(source, ledger, settings=settings, progress=progress)
        for batch in in_end_order(scored(flows), wait_s=settings.longest_wait_s):
            if kept >= MOST_FLOWS:
                left += batch.num_rows
                continue
            hosts = [text_hashes(batch, name, seed) for name in ("src_ip", "dst_ip")]
            parts.append((services(batch), hosts[0], hosts[1]))
            kept += batch.num_rows
    if not parts:
        raise ledger.nothing_metered([name_of(source) for source in sources])
    asked, clients, servers = zip(*parts, strict=True)
    return Walks(np.concatenate(asked), np.concatenate(clients), np.concatenate(servers), left)


def pairs_of(walks: Walks, known: NDArray[np.int64], seed: int = 0) -> NDArray[np.int64]:
    """Which known services stand beside which, (p, 2), by their places in `known`.

    A client's services in turn are a walk, and so are those that a server was asked for; one that is asked for again
    and again counts once. Each stands beside up to three before and three after it.

    Args:
        walks: Flows.
        known: Services that count, ascending, (k,).
        seed: Of the sample where there are more than `MOST_PAIRS`.
    """
    place = np.minimum(np.searchsorted(known, walks.services), len(known) - 1)
    is_known = known[place] == walks.services
    found = []
    for hosts in (walks.clients, walks.servers):
        order = np.argsort(hosts[is_known], kind="stable")
        who, what = hosts[is_known][order], place[is_known][order]
        is_new = np.ones(len(who), bool)
        is_new[1:] = (who[1:] != who[:-1]) | (what[1:] != what[:-1])
        who, what = who[is_new], what[is_new]
        for step in range(1, WINDOW + 1):
            beside = (who[step:] == who[:-step]) & (what[step:] != what[:-step])
            pair = np.stack([what[:-step][beside], what[step:][beside]], axis=1)
            found += [pair, pair[:, ::-1]]
    pairs = np.concatenate(found)
    if len(pairs) > MOST_PAIRS:
        pairs = pairs[np.random.default_rng(seed).choice(len(pairs), MOST_PAIRS, replace=False)]
    return pairs


def learn_port_vectors(walks: Walks, *, width: int = 16, least: int = 5, seed: int = 0) -> PortVectors:
    """Learns a vector for each of the most frequent services, at most 1,024.

    Source: Ring et al. 2017, "IP2Vec: Learning Similarities between IP Addresses".

    Args:
        walks: Which services hosts used.
        width: Numbers of a vector.
        least: Flows below which a service gets none.
        seed: Same seed and flows, same vectors.

    Raises:
        UsageError: torch is not installed, `width` is out of its range, or hosts used no two services in turn.
    """
    if find_spec("torch") is None:
        raise UsageError("embeddings are learnt with torch: pip install 'oddflow[train]'")
    if not 1 <= width <= MOST_WIDTH:
        raise UsageError(f"a vector has 1 to {MOST_WIDTH} numbers; {width} given")
    from oddflow.training.skip_gram import learn_by_neighbours  # noqa: PLC0415  (torch is not always there)

    values, counts = np.unique(walks.services, return_counts=True)
    values, counts = values[counts >= least], counts[counts >= least]
    known = np.sort(values[np.lexsort((values, -counts))][:MOST_SERVICES])
    pairs = pairs_of(walks, known, seed) if len(known) else np.zeros((0, 2), np.int64)
    if len(pairs) < 2:
        raise UsageError(
            f"no host used two services in turn that {least} flows or more asked for; give longer traffic, or a lower "
            "--least"
        )
    beside = np.unique(pairs)
    vectors = learn_by_neighbours(np.searchsorted(beside, pairs), len(beside), width=width, seed=seed)
    return PortVectors(known[beside].astype(np.float32), vectors)

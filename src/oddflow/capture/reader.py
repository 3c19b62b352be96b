"""Captures as a stream of decoded packet batches."""

from collections.abc import Iterator

from oddflow.capture import pcap, pcapng
from oddflow.capture.blocks import BLOCK_BYTES, BlockBuffer
from oddflow.capture.packets import PacketBatch
from oddflow.capture.remote import shown
from oddflow.capture.stream import ByteStream, plain_bytes
from oddflow.errors import UnknownFormat
from oddflow.losses import Ledger

BATCH_PACKETS = 4096


def is_capture(first: bytes) -> bool:
    """Whether a source that starts with these bytes is a pcap or pcapng capture."""
    return pcap.byte_order(first) is not None or first[:4] == pcapng.MAGIC


def read_packets(
    stream: ByteStream,
    first: bytes,
    name: str,
    ledger: Ledger,
    *,
    block_bytes: int = BLOCK_BYTES,
    tunnels: bool = True,
) -> Iterator[PacketBatch]:
    """Reads a capture, block after block, in fixed memory.

    Args:
        stream: Its plain bytes from the start.
        first: Its first bytes, to tell its format.
        name: What to call it in messages.
        ledger: Told of each packet: metered, or lost and why.
        block_bytes: How much is read at a time.
        tunnels: Whether a packet inside a tunnel is what counts, not the one that carries it.

    Yields:
        The same batch object each time, decoded; its arrays hold until the next one.

    Raises:
        UnknownFormat: It is neither pcap nor pcapng.
    """
    buffer = BlockBuffer(stream, block_bytes)
    batch = PacketBatch.empty(buffer.data, BATCH_PACKETS, tunnels=tunnels)
    for _ in walked(buffer, batch, first, name, ledger):
        batch.decode(ledger)
        yield batch


def walked(buffer: BlockBuffer, batch: PacketBatch, first: bytes, name: str, ledger: Ledger) -> Iterator[None]:
    """As `read_packets`, but not decoded yet, in memory that was made before; `batch` is empty where a growing file
    is waited for."""
    if not is_capture(first):
        raise UnknownFormat(f"{name} is no capture: it starts with {first[:8]!r}; expected pcap or pcapng")
    read = pcapng.read if first[:4] == pcapng.MAGIC else pcap.read
    yield from read(buffer, batch, name, ledger)


def packets(
    source: str, ledger: Ledger, *, block_bytes: int = BLOCK_BYTES, tunnels: bool = True
) -> Iterator[PacketBatch]:
    """Opens a file, a URL or `-` and reads its packets; raises as `plain_bytes` and `read_packets`."""
    with plain_bytes(source, ledger) as (first, stream):
        yield from read_packets(stream, first, shown(source), ledger, block_bytes=block_bytes, tunnels=tunnels)

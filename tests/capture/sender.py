"""Sends frames from standard input (each behind its length, 4 bytes) into an interface, as fast as it goes."""

import socket
import sys

QDISC_BYPASS = 20
SOL_PACKET = 263


def send(interface: str) -> None:
    """Sends until the input ends."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
        sender.setsockopt(SOL_PACKET, QDISC_BYPASS, 1)
        sender.bind((interface, 0))
        while head := sys.stdin.buffer.read(4):
            sender.send(sys.stdin.buffer.read(int.from_bytes(head, "big")))


if __name__ == "__main__":
    send(sys.argv[1])

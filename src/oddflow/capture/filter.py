"""Capture filters: pcap-filter(7) text to classic BPF, compiled by the installed libpcap, run by the kernel."""

import ctypes
import re
import socket
import struct
from contextlib import suppress
from typing import Any

from oddflow.errors import UsageError

SO_ATTACH_FILTER = 26
INSTRUCTION = struct.Struct("=HBBI")
MAX_INSTRUCTIONS = 4_096
MAX_TEXT = 4_096
LOAD_WORD, LOAD_HALF, COPY_TO_X, XOR_X, MULTIPLY, SHIFT_RIGHT, JUMP_EQUAL, RETURN_CONSTANT, RETURN_RESULT = (
    0x20, 0x28, 0x07, 0xAC, 0x24, 0x74, 0x15, 0x06, 0x16,
)  # fmt: skip
PROTOCOL, NETWORK_HEADER = 0xFFFFF000, 0xFFF00000
"""Places beside and inside a packet (linux/filter.h: SKF_AD_OFF, SKF_NET_OFF)."""

GOLDEN = 0x9E3779B1
ERROR_BYTES = 256
UNKNOWN_NETMASK = 0xFFFFFFFF
LIBRARIES = ("libpcap.so.0.8", "libpcap.so.1", "libpcap.so")

LINK_RAW, DLT_RAW = 101, 12
"""Raw IP has one number in files and another in libpcap's calls; the other link types have one for both."""

NEEDS_INTERFACE = re.compile(r"\b(vlan|inbound|outbound|ifindex)\b")
"""Words that libpcap compiles for a live interface only: the kernel hands tags and direction over beside the frame."""


class _Program(ctypes.Structure):
    """`struct bpf_program` (pcap/bpf.h)."""

    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.c_void_p))


def accept_all(snap_bytes: int) -> bytes:
    """The program that takes each packet, cut to so many bytes; 0 takes none."""
    return INSTRUCTION.pack(RETURN_CONSTANT, 0, 0, snap_bytes)


def compile_filter(text: str, link_type: int, snap_bytes: int, interface: str = "") -> bytes:
    """Compiles a filter.

    Args:
        text: As pcap-filter(7) has it: "tcp port 443 and not host 10.0.0.1". Nothing takes all packets.
        link_type: pcap's link type of the frames.
        snap_bytes: Bytes of a packet that are kept, above 0.
        interface: Where it will run; only filters with `vlan`, `inbound`, `outbound` or `ifindex` ask.

    Returns:
        Instructions of 8 bytes each (`struct sock_filter`, linux/filter.h).

    Raises:
        UsageError: There is no libpcap, or the filter is wrong; with libpcap's words.
    """
    if not text.strip():
        return accept_all(snap_bytes)
    if len(text) > MAX_TEXT or "\0" in text:
        raise UsageError(
            f"the capture filter has {len(text):,} characters; expected at most {MAX_TEXT:,}, none of them 0"
        )
    library = _library()
    if interface and NEEDS_INTERFACE.search(text):
        handle = _activated(library, interface, snap_bytes)
    else:
        handle = library.pcap_open_dead(DLT_RAW if link_type == LINK_RAW else link_type, snap_bytes)
    if not handle:
        raise UsageError(f"libpcap cannot compile filters for link type {link_type}")
    program = _Program()
    try:
        if library.pcap_compile(handle, ctypes.byref(program), text.encode(), 1, UNKNOWN_NETMASK) != 0:
            said = library.pcap_geterr(handle).decode("utf-8", "replace")
            raise UsageError(f"the capture filter {text!r} is wrong: {said}; see `man pcap-filter`")
        if program.length > MAX_INSTRUCTIONS:
            raise UsageError(
                f"the capture filter {text[:60]!r}… needs {program.length:,} instructions; "
                f"the kernel takes {MAX_INSTRUCTIONS:,}: say less in it"
            )
        compiled = ctypes.string_at(program.instructions, program.length * INSTRUCTION.size)
        library.pcap_freecode(ctypes.byref(program))
    finally:
        library.pcap_close(handle)
    return compiled


def attach(receiver: socket.socket, program: bytes) -> None:
    """Gives a socket a filter, in place of the one it had (socket(7), SO_ATTACH_FILTER)."""
    set_program(receiver, socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


def set_program(receiver: socket.socket, level: int, option: int, program: bytes) -> None:
    """Sets a socket's option that is a program (`struct sock_fprog`)."""
    held = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HP", len(program) // INSTRUCTION.size, ctypes.addressof(held))
    receiver.setsockopt(level, option, described)


def by_hosts() -> bytes:
    """The program that gives each pair of IP addresses a number, the same in both directions; others get 0."""

    def folded(*offsets: int) -> list[tuple[int, int, int, int]]:
        steps = [(LOAD_WORD, 0, 0, NETWORK_HEADER + offsets[0])]
        for offset in offsets[1:]:
            steps += [(COPY_TO_X, 0, 0, 0), (LOAD_WORD, 0, 0, NETWORK_HEADER + offset), (XOR_X, 0, 0, 0)]
        return [*steps, (MULTIPLY, 0, 0, GOLDEN), (SHIFT_RIGHT, 0, 0, 16), (RETURN_RESULT, 0, 0, 0)]

    version4, version6 = folded(12, 16), folded(*range(8, 40, 4))
    steps = [
        (LOAD_HALF, 0, 0, PROTOCOL),
        (JUMP_EQUAL, 2, 0, 0x0800),
        (JUMP_EQUAL, 1 + len(version4), 0, 0x86DD),
        (RETURN_CONSTANT, 0, 0, 0),
        *version4,
        *version6,
    ]
    return b"".join(INSTRUCTION.pack(*step) for step in steps)


def _library() -> Any:
    for name in LIBRARIES:
        with suppress(OSError):
            library = ctypes.CDLL(name)
            break
    else:
        raise UsageError(
            "a capture filter needs libpcap, which is not installed here: `apt install libpcap0.8`, "
            "or leave the filter out"
        )
    program = ctypes.POINTER(_Program)
    for function, result, arguments in (
        ("pcap_open_dead", ctypes.c_void_p, (ctypes.c_int, ctypes.c_int)),
        ("pcap_create", ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_char_p)),
        ("pcap_set_snaplen", ctypes.c_int, (ctypes.c_void_p, ctypes.c_int)),
        ("pcap_set_buffer_size", ctypes.c_int, (ctypes.c_void_p, ctypes.c_int)),
        ("pcap_activate", ctypes.c_int, (ctypes.c_void_p,)),
        ("pcap_compile", ctypes.c_int, (ctypes.c_void_p, program, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint32)),
        ("pcap_geterr", ctypes.c_char_p, (ctypes.c_void_p,)),
        ("pcap_freecode", None, (program,)),
        ("pcap_close", None, (ctypes.c_void_p,)),
    ):
        prototype = getattr(library, function)
        prototype.restype, prototype.argtypes = result, arguments
    return library


def _activated(library: Any, interface: str, snap_bytes: int) -> Any:
    """A live handle of libpcap's own, for as long as it takes to compile."""
    said = ctypes.create_string_buffer(ERROR_BYTES)
    handle = library.pcap_create(interface.encode(), said)
    if not handle:
        raise UsageError(f"libpcap cannot open {interface}: {said.value.decode('utf-8', 'replace')}")
    library.pcap_set_snaplen(handle, snap_bytes)
    library.pcap_set_buffer_size(handle, 1 << 20)
    if library.pcap_activate(handle) < 0:
        words = library.pcap_geterr(handle).decode("utf-8", "replace")
        library.pcap_close(handle)
        raise UsageError(f"libpcap cannot open {interface}: {words}")
    return handle

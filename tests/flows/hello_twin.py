"""ClientHello messages written and read with struct: the twin of the kernels, and a maker of hellos."""

import hashlib
import struct

GREASE = {0x0A0A + 0x1010 * i for i in range(16)}
LETTERS = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 2: "s2",
           0xFEFF: "d1", 0xFEFD: "d2", 0xFEFC: "d3"}  # fmt: skip


def escaped(data, limit):
    """The safe text of bytes, as README's rule says: printable ASCII but the backslash stands for itself."""
    text = ""
    for byte in data:
        piece = chr(byte) if 32 <= byte <= 126 and byte != 92 else f"\\x{byte:02x}"
        if len(text) + len(piece) > limit:
            break
        text += piece
    return text


def numbers(data):
    """16-bit numbers of a list; an odd byte at its end is nobody's."""
    return [struct.unpack_from(">H", data, at)[0] for at in range(0, len(data) - 1, 2)]


def vector(data, at, size):
    """(the bytes of a vector with a length of `size` bytes, the offset after it), or IndexError where it is cut."""
    if at + size > len(data):
        raise IndexError
    length = int.from_bytes(data[at : at + size], "big")
    if at + size + length > len(data):
        raise IndexError
    return data[at + size : at + size + length], at + size + length


def inside(data, size):
    """A list inside an extension, cut to the extension where its length says more."""
    length = int.from_bytes(data[:size], "big")
    return data[size : size + length]


def digest(words):
    return hashlib.sha256(words.encode()).hexdigest()[:12] if words else "0" * 12


def read(message, over="t"):
    """(state, JA3 text, JA4, names): what a hello says; state "cut" leaves JA3 and JA4 None."""
    result = {"name": None, "protocols": None, "version": None, "ja3": None, "ja4": None, "state": "cut"}
    if len(message) >= 4 and 4 + int.from_bytes(message[1:4], "big") < len(message):
        return result | {"state": "bad"}
    whole = len(message) >= 4 and 4 + int.from_bytes(message[1:4], "big") == len(message)
    if len(message) >= 6:
        result["version"] = struct.unpack_from(">H", message, 4)[0]
    kinds, lists, ends = [], {}, True
    try:
        _, at = vector(message, 38, 1)
        if over == "d":
            _, at = vector(message, at, 1)
        ciphers, at = vector(message, at, 2)
        _, at = vector(message, at, 1)
        if at + 2 <= len(message):
            stop = at + 2 + int.from_bytes(message[at : at + 2], "big")
            at += 2
            while at + 4 <= min(stop, len(message)):
                kind = struct.unpack_from(">H", message, at)[0]
                body, at = vector(message[: min(stop, len(message))], at + 2, 2)
                kinds.append(kind)
                note(kind, body, over, result, lists)
            ends = at == stop
    except IndexError:
        ends = False
    if not ends or not whole:
        return result | {"state": "bad" if whole else "cut"}
    return result | {"state": "read"} | fingerprints(message, ciphers, kinds, lists, result, over)


def note(kind, body, over, result, lists):
    if kind == 0:
        result["has_name"] = True
        result["name"] = None
        if len(body) >= 5 and body[2] == 0:
            result["name"] = inside(body[3:], 2)
    elif kind == 16 and len(body) >= 2:
        result["protocols"] = inside(body, 2)
    elif kind == 43 and body:
        offered = [v for v in numbers(inside(body, 1)) if v not in GREASE]
        if offered:
            best = offered[0]
            for version in offered[1:]:
                both_datagram = over == "d" and best >> 8 == version >> 8 == 0xFE
                best = min(best, version) if both_datagram else max(best, version)
            result["version"] = best
    elif kind in (10, 13) and len(body) >= 2:
        lists[kind] = numbers(inside(body, 2))
    elif kind == 11 and body:
        lists[kind] = list(inside(body, 1))


def fingerprints(message, ciphers, kinds, lists, result, over):
    def plain(values):
        return [value for value in values if value not in GREASE]

    suites, kept = plain(numbers(ciphers)), plain(kinds)
    legacy = struct.unpack_from(">H", message, 4)[0]
    ja3 = ",".join([
        str(legacy), "-".join(map(str, suites)), "-".join(map(str, kept)),
        "-".join(map(str, plain(lists.get(10, [])))), "-".join(map(str, lists.get(11, []))),
    ])  # fmt: skip
    letters = "00"
    protocols = result["protocols"]
    if protocols and protocols[0] and 1 + protocols[0] <= len(protocols):
        first = protocols[1 : 1 + protocols[0]]
        if all(chr(byte).isascii() and chr(byte).isalnum() for byte in (first[0], first[-1])):
            letters = chr(first[0]) + chr(first[-1])
        else:
            letters = first.hex()[0] + first.hex()[-1]
    start = f"{over}{LETTERS.get(result['version'], '00')}{'d' if 'has_name' in result else 'i'}"
    start += f"{min(len(suites), 99):02}{min(len(kept), 99):02}{letters}"
    extensions = ",".join(f"{kind:04x}" for kind in sorted(kept) if kind not in (0, 16))
    signatures = ",".join(f"{value:04x}" for value in plain(lists.get(13, [])))
    words = extensions + ("_" + signatures if signatures else "")
    ja4 = f"{start}_{digest(','.join(f'{suite:04x}' for suite in sorted(suites)))}_{digest(words)}"
    return {"ja3": hashlib.md5(ja3.encode(), usedforsecurity=False).hexdigest(), "ja4": ja4}


def hello(ciphers, extensions, *, version=0x0303, session=b"", cookie=None, kind=1):
    """A ClientHello message; cookie: for DTLS."""
    body = struct.pack(">H", version) + bytes(32) + bytes([len(session)]) + session
    if cookie is not None:
        body += bytes([len(cookie)]) + cookie
    suites = b"".join(struct.pack(">H", suite) for suite in ciphers)
    body += struct.pack(">H", len(suites)) + suites + b"\1\0"
    if extensions is not None:
        block = b"".join(struct.pack(">HH", number, len(data)) + data for number, data in extensions)
        body += struct.pack(">H", len(block)) + block
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def server_hello(version=0x0303, extensions=None, session=bytes(32)):
    body = struct.pack(">H", version) + bytes(32) + bytes([len(session)]) + session + b"\x13\x01\0"
    if extensions is not None:
        block = b"".join(struct.pack(">HH", number, len(data)) + data for number, data in extensions)
        body += struct.pack(">H", len(block)) + block
    return b"\2" + len(body).to_bytes(3, "big") + body


def tls_records(message, sizes=(16384,)):
    """A handshake message in TLS records of the sizes given, the last of which repeats."""
    out, at, turn = b"", 0, 0
    while at < len(message):
        size = sizes[min(turn, len(sizes) - 1)]
        piece = message[at : at + size]
        out += b"\x16\x03\x01" + struct.pack(">H", len(piece)) + piece
        at, turn = at + size, turn + 1
    return out


def dtls_datagrams(message, sizes=(16384,), sequence=0):
    """A handshake message as DTLS datagrams, one fragment each."""
    out, at, turn = [], 0, 0
    body = message[4:]
    while at < len(body) or not out:
        size = sizes[min(turn, len(sizes) - 1)]
        piece = body[at : at + size]
        fragment = message[:4] + struct.pack(">H", sequence) + at.to_bytes(3, "big") + len(piece).to_bytes(3, "big")
        fragment += piece
        out.append(b"\x16\xfe\xfd\0\0" + turn.to_bytes(6, "big") + struct.pack(">H", len(fragment)) + fragment)
        at, turn = at + size, turn + 1
    return out


def name_extension(name):
    return 0, struct.pack(">HBH", len(name) + 3, 0, len(name)) + name


def protocols_extension(*names):
    block = b"".join(bytes([len(name)]) + name for name in names)
    return 16, struct.pack(">H", len(block)) + block

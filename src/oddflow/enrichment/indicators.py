"""Threat-intelligence lists: which addresses, networks, names and JA4s they name, and as what."""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from oddflow.amounts import count
from oddflow.enrichment.dns_answers import shown
from oddflow.errors import InputError, Unreadable
from oddflow.files import reason_of

MOST_INDICATORS = 1_000_000
"""About 200 MB."""
MOST_FILES = 1_000
LARGEST_FILE = 256 << 20
LARGEST_BUNDLE = 64 << 20
LONGEST_LINE = 16_384
LONGEST_NOTE = 120
LEAST_PREFIX = {4: 8, 6: 12}
"""A network greater than any registry's block names half the Internet, and is a mistake."""
SUFFIXES = (".txt", ".list", ".netset", ".ipset", ".csv", ".json", ".stix")
JA4 = re.compile(r"[tqd]\d\d[di]\d{4}[0-9a-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}")
DOMAIN = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
PATTERN = re.compile(
    r"(?:ipv4-addr|ipv6-addr|domain-name):value\s*(?:=|ISSUBSET)\s*'((?:[^'\\]|\\.){1,253})'"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """Where an indicator stands: the list's name, and what the list says of it."""

    source: str
    note: str

    def told(self, named: str) -> str:
        """In words, what is named first."""
        return f"{named} is in the list {self.source}" + (f": {self.note}" if self.note else "")


@dataclass(slots=True)
class Indicators:
    """All lists of a folder, in memory.

    Attributes:
        count: Indicators that are known.
        files: Lists that were read.
        not_understood: Lines and patterns that name nothing known here.
        too_broad: Networks that are greater than any registry's block.
        left_out: Indicators beyond the most that are kept.
    """

    count: int = 0
    files: int = 0
    not_understood: int = 0
    too_broad: int = 0
    left_out: int = 0
    most: int = MOST_INDICATORS
    _values: dict[str, Entry] = field(default_factory=dict)
    _networks: dict[tuple[int, int], dict[int, Entry]] = field(default_factory=dict)
    """By version and prefix length: network numbers, shifted."""

    @classmethod
    def read(cls, folder: str, most: int = MOST_INDICATORS) -> "Indicators":
        """All lists of a folder; raises as `add_folder`."""
        made = cls(most=most)
        made.add_folder(folder)
        return made

    def add_folder(self, folder: str) -> None:
        """Reads all lists of a folder: text (one value a line), CSV, STIX bundles.

        Raises:
            Unreadable: The folder or a list cannot be read, or is too large.
            InputError: It holds no list, or a bundle is no JSON.
        """
        try:
            paths = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in SUFFIXES)
        except OSError as error:
            raise Unreadable(f"{folder} cannot be read: {reason_of(error)}; name a folder of lists") from None
        if not paths or len(paths) > MOST_FILES:
            raise InputError(
                f"{folder} holds {len(paths):,} lists; expected 1 to {MOST_FILES:,} whose names end in "
                + ", ".join(SUFFIXES)
            )
        for path in paths:
            try:
                self._read_file(path)
            except OSError as error:
                raise Unreadable(f"{path} cannot be read: {reason_of(error)}; take it out of the folder") from None
            except (csv.Error, RecursionError, ValueError) as error:
                raise InputError(f"{path}: {error}; expected a list as its name says, or take it out") from None
            self.files += 1

    def of_address(self, text: str) -> Entry | None:
        """What a list says of an address or a network that holds it."""
        if found := self._values.get(text):
            return found
        try:
            address = ip_address(text)
        except ValueError:
            return None
        number, bits = int(address), address.max_prefixlen
        for (version, prefix), networks in self._networks.items():
            if version == address.version and (found := networks.get(number >> (bits - prefix))):
                return found
        return None

    def of_name(self, name: str) -> Entry | None:
        """What a list says of a name or a domain above it."""
        labels = name.lower().rstrip(".").split(".")
        for place in range(min(len(labels) - 1, 32)):
            if found := self._values.get(".".join(labels[place:])):
                return found
        return None

    def of_ja4(self, ja4: str) -> Entry | None:
        """What a list says of a client's fingerprint."""
        return self._values.get(ja4)

    def add(self, text: str, entry: Entry) -> bool:
        """Takes one value of any kind; whether it is one."""
        value = text.strip().strip("\"'").lower().removeprefix("*.").strip(".")
        is_network = "/" in value
        try:
            if is_network or ":" in value or value.replace(".", "").isdigit():
                return self._add_network(value, entry)
        except ValueError:
            return False
        if not (JA4.fullmatch(value) or (len(value) <= 253 and DOMAIN.fullmatch(value))):
            return False
        self._put(self._values, value, entry)
        return True

    def _add_network(self, value: str, entry: Entry) -> bool:
        network = ip_network(value, strict=False)
        bits = network.max_prefixlen
        if network.prefixlen == bits:
            self._put(self._values, str(network.network_address), entry)
        elif network.prefixlen < LEAST_PREFIX[network.version]:
            self.too_broad += 1
        else:
            networks = self._networks.setdefault((network.version, network.prefixlen), {})
            self._put(networks, int(network.network_address) >> (bits - network.prefixlen), entry)
        return True

    def _put(self, known: dict[Any, Entry], key: Any, entry: Entry) -> None:
        if key in known:
            return
        if self.count >= self.most:
            self.left_out += 1
            return
        known[key] = entry
        self.count += 1

    def _read_file(self, path: Path) -> None:
        largest = LARGEST_BUNDLE if path.suffix.lower() in {".json", ".stix"} else LARGEST_FILE
        if not path.is_file() or path.stat().st_size > largest:
            raise ValueError(f"it is no file, or larger than {largest >> 20} MiB")
        match path.suffix.lower():
            case ".json" | ".stix":
                self._read_bundle(path)
            case ".csv":
                self._read_csv(path)
            case _:
                self._read_lines(path)

    def _read_lines(self, path: Path) -> None:
        entries: dict[str, Entry] = {}
        for line in _lines(path):
            value, _, note = line.partition("#")
            value, _, more = value.strip().partition(" ")
            text = note.strip() or more.strip(" ;\t")
            if value and not value.startswith(";"):
                entry = entries.setdefault(text, _entry(path, text)) if len(entries) < 10_000 else _entry(path, "")
                self.not_understood += not self.add(value, entry)

    def _read_csv(self, path: Path) -> None:
        """The first cell of each row that is an indicator counts, and the longest of the words after it is the note."""
        for cells in csv.reader(_lines(path)):
            if not cells or cells[0].lstrip().startswith("#"):
                continue
            for place, cell in enumerate(cells):
                others = [other.strip() for other in cells[place + 1 :] if re.search("[A-Za-z]{3}", other)]
                if self.add(cell, _entry(path, max(others, key=len, default=""))):
                    break
            else:
                self.not_understood += 1

    def _read_bundle(self, path: Path) -> None:
        bundle = json.loads(path.read_text("utf-8"))
        objects = bundle.get("objects") if isinstance(bundle, dict) else None
        if not isinstance(objects, list):
            raise ValueError("it is no STIX bundle")  # noqa: TRY004  (of the file, not of the call)
        for each in objects:
            if not isinstance(each, dict) or each.get("type") != "indicator" or each.get("revoked") is True:
                continue
            values = PATTERN.findall(str(each.get("pattern", ""))[:LONGEST_LINE])
            entry = _entry(path, str(each.get("name", "")))
            known = [self.add(value.replace("\\'", "'"), entry) for value in values]
            self.not_understood += not any(known)

    def remarks(self) -> list[str]:
        """What the reader must know of what was read."""
        told = [f"{count(self.count, 'indicator')} in {count(self.files, 'list')}"]
        if self.not_understood:
            told.append(f"{count(self.not_understood, 'line')} not understood: no address, network, domain or JA4")
        if self.too_broad:
            told.append(f"{count(self.too_broad, 'network')} too broad to mean anything")
        if self.left_out:
            told.append(f"{self.left_out:,} are beyond the {self.most:,} that are kept")
        return ["threat intelligence: " + "; ".join(told)]


def _lines(path: Path) -> Iterator[str]:
    """Lines as text, whatever their bytes; of an endless one its beginning."""
    with path.open("rb") as file:
        while line := file.readline(LONGEST_LINE):
            yield line.decode("utf-8-sig", "replace").replace("\x00", "").strip()


def _entry(path: Path, note: str) -> Entry:
    """What is said of an indicator, fit to be shown."""
    name = shown(path.name.encode("utf-8", "replace"))
    text = " ".join(note.split())
    return Entry(name[:80], "".join(sign if sign.isprintable() else "�" for sign in text)[:LONGEST_NOTE])

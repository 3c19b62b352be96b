"""The templates of an exporter's domain: read, replaced, withdrawn, and bounded."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakValueDictionary

from oddflow.logs.netflow.header import IPFIX, V9, Malformed, Set
from oddflow.logs.netflow.layout import NO_ELEMENT, PART, VARIABLE, Field, Layout

FIRST_DATA_SET = 256
TEMPLATES = {(V9, 0), (IPFIX, 2)}
OPTIONS_TEMPLATES = {(V9, 1), (IPFIX, 3)}
ENTERPRISE_BIT = 0x8000
SYSTEM_SCOPE = 1
PARTS = {10, 14, 141, 142, 252, 253}
"""Elements that name an interface or line card."""
MOST_FIELDS = 1_024
"""Of one template."""
MOST_TEMPLATES = 1_024
"""Of one domain."""
MOST_FIELDS_OF_ONE, MOST_FIELDS_IN_ALL = 1 << 15, 1 << 18
"""Of the templates of one domain, and of all: about 32 MiB."""
LONGEST_RECORD = 0xFFFF


class Template(NamedTuple):
    """A template record; without fields it withdraws one, or all of its kind where its number is that of the set."""

    number: int
    fields: tuple[Field, ...]
    is_options: bool


def read_templates(version: int, found: Set) -> Iterator[Template]:
    """The templates of a set (RFC 3954 sections 5.2 and 6.1, RFC 7011 section 3.4).

    Raises:
        Malformed: One cannot be read; those before it have been given.
    """
    is_options = (version, found.number) in OPTIONS_TEMPLATES
    at = 0
    while len(found.body) - at >= 4 and any(found.body[at:]):
        try:
            template, at = _template(version, found.body, at, is_options=is_options)
        except struct.error:
            raise Malformed("a template is cut") from None
        yield template


def _template(version: int, body: bytes, at: int, *, is_options: bool) -> tuple[Template, int]:
    number, count = struct.unpack_from("!HH", body, at)
    at += 4
    scopes = 0
    if is_options and version == V9:
        scopes, options = count // 4, struct.unpack_from("!H", body, at)[0] // 4
        count, at = scopes + options, at + 2
    elif is_options and count:
        (scopes,), at = struct.unpack_from("!H", body, at), at + 2
    if count > MOST_FIELDS:
        raise Malformed("a template of too many fields")
    if not count and version == IPFIX and number in (2, 3):
        return Template(number, (), is_options), at
    if number < FIRST_DATA_SET:
        raise Malformed("a template of a number that is none")
    fields = []
    for place in range(count):
        element, length = struct.unpack_from("!HH", body, at)
        at += 4
        enterprise = 0
        if version == IPFIX and element & ENTERPRISE_BIT:
            (enterprise,) = struct.unpack_from("!I", body, at)
            element, at = element & ~ENTERPRISE_BIT, at + 4
        if place < scopes:
            element = _scope(version, element, enterprise)
        fields.append(Field(element, length, enterprise))
    return _checked(Template(number, tuple(fields), is_options), version), at


def _scope(version: int, element: int, enterprise: int) -> int:
    if version == V9:
        return NO_ELEMENT if element == SYSTEM_SCOPE else PART
    return PART if element in PARTS and not enterprise else element


def _checked(template: Template, version: int) -> Template:
    if version == V9 and (not template.fields or any(field.length == VARIABLE for field in template.fields)):
        raise Malformed("a template without fields, or with fields of no length")
    size = sum(1 if field.length == VARIABLE else field.length for field in template.fields)
    if template.fields and not 0 < size <= LONGEST_RECORD:
        raise Malformed("a template of records that are empty or too long")
    return template


@dataclass(slots=True)
class Budget:
    """How many fields all templates have, and may have; the same layout is kept once."""

    most: int = MOST_FIELDS_IN_ALL
    used: int = 0
    layouts: "WeakValueDictionary[tuple[tuple[Field, ...], bool], Layout]" = field(default_factory=WeakValueDictionary)

    def layout(self, template: Template) -> Layout:
        """The layout of a template."""
        key = (template.fields, template.is_options)
        found = self.layouts.get(key)
        if found is None:
            found = self.layouts[key] = Layout(template.fields, is_options=template.is_options)
        return found


class Templates:
    """The templates of one domain, by number.

    Args:
        budget: Shared by all domains.
        most: How many there may be.
    """

    def __init__(self, budget: Budget, *, most: int = MOST_TEMPLATES) -> None:
        self._budget = budget
        self._most = most
        self._fields = 0
        self._layouts: dict[int, Layout] = {}

    def get(self, number: int) -> Layout | None:
        """How the records of a set are read, where that is known."""
        return self._layouts.get(number)

    def take(self, template: Template) -> bool:
        """Adds, replaces or withdraws; whether it gave a known number another meaning.

        Raises:
            Malformed: There are too many.
        """
        if not template.fields:
            self._withdraw(template)
            return False
        known = self._layouts.get(template.number)
        if known is not None and (known.fields, known.is_options) == (template.fields, template.is_options):
            return False
        self._drop(template.number)
        count = len(template.fields)
        of_one, of_all = self._fields + count, self._budget.used + count
        if len(self._layouts) >= self._most or of_one > MOST_FIELDS_OF_ONE or of_all > self._budget.most:
            raise Malformed("a template more than are kept")
        self._layouts[template.number] = self._budget.layout(template)
        self._fields, self._budget.used = of_one, of_all
        return known is not None

    def forget(self) -> None:
        """Gives all back."""
        for number in list(self._layouts):
            self._drop(number)

    def _withdraw(self, template: Template) -> None:
        if template.number >= FIRST_DATA_SET:
            self._drop(template.number)
            return
        for number in [n for n, layout in self._layouts.items() if layout.is_options == (template.number == 3)]:
            self._drop(number)

    def _drop(self, number: int) -> None:
        layout = self._layouts.pop(number, None)
        if layout is not None:
            self._fields -= len(layout.fields)
            self._budget.used -= len(layout.fields)

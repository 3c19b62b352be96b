"""What can go wrong, as one tree.

OddflowError
├── InputError            a source cannot be used at all            exit 2
│   ├── UnknownFormat         nothing here recognises its first bytes
│   ├── Unreadable            missing, a directory, no permission, empty
│   └── NothingMetered        it was read to its end and held no flow
├── ModelError            a sealed model cannot be used             exit 2
│   ├── NotAModel             not a sealed model, or a part of it is missing or cut
│   ├── Tampered              a part does not match its hash, or a signature its manifest
│   ├── Untrusted             a signature that was asked for is missing, or another's
│   ├── BrokenRegistry        a registry of models holds what nobody wrote so
│   └── SchemaMismatch        it needs columns that the source lacks
├── LearningFailed        a detector could not be fitted            exit 2
├── OutputError           a result cannot be written (full disk…)   exit 2
├── StoreDown             the service's database cannot be used now exit 2
├── ClusterFailed         no Ray answers, or it lost what it was given exit 2
└── UsageError            the call itself is wrong                  exit 2

A packet or record that cannot be used is no error: it is a loss (see losses.py).
"""


class OddflowError(Exception):
    """Base of all errors that Oddflow raises on purpose.

    Every message says what was given, what was expected, and what to do next.
    """


class InputError(OddflowError):
    """A source cannot be used at all."""


class UnknownFormat(InputError):
    """Nothing here recognises the first bytes of a source."""


class Unreadable(InputError):
    """A source is missing, a directory, empty, or may not be read."""


class NothingMetered(InputError):
    """A source was read to its end and held no flow."""


class ModelError(OddflowError):
    """A sealed model cannot be used."""


class NotAModel(ModelError):
    """A file is no sealed model, or a part of it is missing or cut."""


class Tampered(ModelError):
    """A part of a sealed model does not match the hash in its manifest, or its signature does not hold."""


class Untrusted(ModelError):
    """A sealed model is not signed, or not by a key that is trusted."""


class BrokenRegistry(ModelError):
    """A registry of models holds what nobody wrote so, or lacks what it says it has."""


class SchemaMismatch(ModelError):
    """A model needs columns that the source lacks, or other versions of them."""


class LearningFailed(OddflowError):
    """A detector could not be fitted: its loss diverged, or its sealed copy does not agree with it."""


class OutputError(OddflowError):
    """A result cannot be written."""


class StoreDown(OddflowError):
    """The database of the service cannot be reached, or cannot be written now; later it may be."""


class ClusterFailed(OddflowError):
    """A cluster cannot be reached, or lost so much that the work cannot be ended there."""


class UsageError(OddflowError):
    """The call itself is wrong."""

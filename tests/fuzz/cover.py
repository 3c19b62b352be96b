"""Coverage-guided fuzzing of the uncompiled kernels and the readers, with atheris.

    python -m tests.fuzz.cover CORPUS -max_total_time=60

Options are libFuzzer's. What it finds stands in the folder that it was started in.
"""

import sys
from pathlib import Path

SEED_CAPTURES, SHORT = 400, 300


def sow(corpus):
    """Fills an empty corpus: the beginnings of real captures, as packets and as files."""
    from tests.fuzz.inputs import CAPTURE, input_of
    from tests.fuzz.road import capture_of
    from tests.fuzz.seeds import packet_lists

    corpus.mkdir(parents=True, exist_ok=True)
    if any(corpus.iterdir()):
        return
    lists = packet_lists()
    for number, found in enumerate(lists[:: -(-len(lists) // SEED_CAPTURES)]):
        (corpus / f"packets-{number}").write_bytes(input_of([(kind, data[:SHORT]) for kind, data in found[:2]]))
    (corpus / "capture").write_bytes(bytes([CAPTURE]) + capture_of([]))
    pcap = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000") + bytes(8) + b"\x0e\0\0\0" * 2 + bytes(14)
    (corpus / "capture-pcap").write_bytes(bytes([CAPTURE]) + pcap)


def main():
    """Makes kernels plain Python, sows, then hands over to libFuzzer."""
    import atheris

    from tests.fuzz.guard import interpret

    with atheris.instrument_imports(include=["oddflow.capture", "oddflow.flows"]):
        interpret()
        from tests.fuzz.inputs import run
    sow(Path(sys.argv[1]))
    atheris.Setup(sys.argv, run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

"""How well the samples of each GAN stand for what it learnt: prints the table of docs/detectors/sample-quality.md.

Learnt from a baseline capture once, with the default options but for what the table names. What the figures mean,
`oddflow.training.quality` says.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/samples.py
"""

import argparse
import sys
from time import process_time

import oddflow
from oddflow.baselines import gather
from oddflow.detectors import registry
from oddflow.errors import OddflowError

TABULAR, IMAGES = "generative-adversarial-network", "image-generative-adversarial-network"
RUNS = (
    (TABULAR, {"game": "gan", "critic_moves": 1}),
    (TABULAR, {"game": "gan", "critic_moves": 1, "learning_rate": 0.2}),
    (TABULAR, {"game": "wgan"}),
    (TABULAR, {"game": "wgan-gp"}),
    (TABULAR, {"game": "hinge", "critic_moves": 1}),
    (IMAGES, {"network": "dcgan"}),
    (IMAGES, {"network": "dcgan", "game": "wgan-gp", "critic_moves": 3}),
    (IMAGES, {"network": "info"}),
    (IMAGES, {"network": "attention", "game": "hinge"}),
    (IMAGES, {"network": "big", "game": "hinge"}),
)


def main() -> None:
    """Prints the table, a line for each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="runs whose detector and options hold these words")
    parser.add_argument("source", nargs="?", default=str(oddflow.examples() / "office-baseline.pcap.zst"))
    given = parser.parse_args()
    print("| reads | options | Fréchet | of halves | covered | spread | learnt in |\n|---|---|---|---|---|---|---|")
    gathered = {}
    try:
        for name, options in RUNS:
            words = ", ".join(f"{option}={value}" for option, value in options.items())
            if given.only not in f"{name} {words}":
                continue
            if name not in gathered:
                gathered[name] = gather(given.source, detector=name)
            began = process_time()
            known = gathered[name]
            quality = (
                registry.create(name, known.features, score="discriminator", seed=given.seed, **options)
                .fit(known.x)
                .quality_
            )
            print(
                f"| {registry.find(name).reads} | {words} | {quality.frechet:.2f} | {quality.frechet_floor:.2f} "
                f"| {quality.covered:.0%} | {quality.spread:.2f} | {process_time() - began:.0f} s |",
                flush=True,
            )
    except OddflowError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

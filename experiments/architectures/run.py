"""WGAN-GP's robustness experiment: the number of random architectures that each of two methods can train.

    python experiments/architectures/run.py --data digits --budget 45s

For each of 20 architectures both players draw activation, depth, normalization and width from the sets of Gulrajani et
al. 2017, table 1; gan1 and wgan-gp are trained on each, and the architectures on which they reach a given inception
score are counted, as in table 2 of the paper. The command can be repeated: finished runs are not trained again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from twoplayer.comparison import compare
from twoplayer.comparison.parts import success_table
from twoplayer.comparison.table_formats import markdown
from twoplayer.core.files import write_atomic, write_json

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--methods", nargs=2, default=["gan1", "wgan-gp"])
    parser.add_argument("--count", type=int, default=20, help="architectures")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--budget")
    budget.add_argument("--images", type=int)
    budget.add_argument("--steps", type=int)
    parser.add_argument("--filters", type=int, help="one width for all, where 128 is too slow")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--runs", type=Path, help="where the runs lie [default: comparisons/DATA-BUDGET]")
    options = parser.parse_args()
    comparison = compare(
        options.methods, options.data, seeds=1, random_architectures=options.count, budget=options.budget,
        images=options.images, steps=options.steps, filters=options.filters, jobs=options.jobs, output=options.runs,
        by="inception_score", command=" ".join(["python", "experiments/architectures/run.py", *sys.argv[1:]]),
        progress=lambda text: print(text, file=sys.stderr),
    )  # fmt: skip
    print(comparison.write())
    environment = comparison.runs[0].environment
    machine = (
        f"`{environment['processor']}`, {environment['cores']} cores, torch {environment['torch']}, "
        f"{environment['precision']}."
    )
    parts = [
        success_table(comparison.parts[0]),
        markdown(comparison.tables[0]),
        machine,
        "",
        f"    {comparison.command}",
        "",
    ]
    output = HERE / "results" / f"{options.data}.md"
    write_atomic(output, "\n".join([*parts, *comparison.problems]))
    write_json(output.with_suffix(".json"), comparison.document())
    print(success_table(comparison.parts[0]))


if __name__ == "__main__":
    main()

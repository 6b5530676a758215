"""Every method on one data set under one budget, and the table of what came out: `twoplayer compare` of them all.

    python experiments/methods/run.py --data fashion-mnist --budget 10min
    python experiments/methods/run.py --data ring --steps 20000 --jobs 2

The command can be repeated: runs that are finished are not trained again, and an interrupted one goes on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from twoplayer import methods
from twoplayer.comparison import Comparison, compare
from twoplayer.comparison.table_formats import markdown
from twoplayer.core.files import write_atomic, write_json

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--methods", nargs="+", default=methods.names())
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--budget")
    budget.add_argument("--images", type=int)
    budget.add_argument("--steps", type=int)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side")
    parser.add_argument(
        "--runs", type=Path, help="where the runs and their page lie [default: comparisons/DATA-BUDGET]"
    )
    parser.add_argument("--output", type=Path, help="table to write [default: results/DATA.md beside this script]")
    options = parser.parse_args()
    found = compare(
        options.methods, options.data, seeds=options.seeds, budget=options.budget, images=options.images,
        steps=options.steps, jobs=options.jobs, output=options.runs,
        command=" ".join(["python", "experiments/methods/run.py", *sys.argv[1:]]),
        progress=lambda text: print(text, file=sys.stderr),
    )  # fmt: skip
    print(found.write())
    output = options.output or HERE / "results" / f"{options.data}.md"
    write_atomic(output, told(found))
    write_json(output.with_suffix(".json"), found.document())


def told(found: Comparison) -> str:
    """The table, the machine, the versions and the command."""
    where = found.runs[0].environment
    machine = f"`{where['processor']}`, {where['cores']} cores, torch {where['torch']}, {where['precision']}."
    return "\n".join([markdown(found.tables[0]), machine, "", f"    {found.command}", "", *found.problems])


if __name__ == "__main__":
    main()

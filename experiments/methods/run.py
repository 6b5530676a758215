"""Every method on one data set under one budget, and the table of what came out.

    python experiments/methods/run.py --data fashion-mnist --budget 10min --jobs 1
    python experiments/methods/run.py --data ring --steps 20000 --jobs 2

Runs that are finished are not trained again, and an interrupted one goes on, so the command can be repeated. With
more than one job the processor's cores are shared out, and every figure says how many threads its run had.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from twoplayer import Run, methods

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--methods", nargs="+", default=methods.names())
    parser.add_argument("--budget")
    parser.add_argument("--steps")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the run folders lie")
    parser.add_argument("--output", type=Path, help="table to write [default: results/DATA.md beside this script]")
    options = parser.parse_args()
    if bool(options.budget) == bool(options.steps):
        parser.error("give --budget or --steps")
    with ThreadPoolExecutor(options.jobs) as pool:
        folders = list(pool.map(lambda method: train(method, options), options.methods))
    rows = [row(folder) for folder in folders if folder is not None]
    output = options.output or HERE / "results" / f"{options.data}.md"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(table(rows, options), encoding="utf-8")
    output.with_suffix(".json").write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(output.read_text(encoding="utf-8"))


def train(method: str, options: argparse.Namespace) -> Path | None:
    """One run in a process of its own; None where it made no run folder."""
    folder = options.runs / f"{method}-{options.data}-seed{options.seed}"
    stop = ["--budget", options.budget] if options.budget else ["--steps", options.steps]
    command = [sys.executable, "-m", "twoplayer", "train", method, "--data", options.data, "--run", str(folder)]
    environment = dict(os.environ)
    if options.jobs > 1:
        environment["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // options.jobs))
    done = subprocess.run([*command, "--seed", options.seed, *stop], env=environment, check=False)
    print(f"{method}: exit code {done.returncode}", file=sys.stderr)
    return folder if (folder / "config.yaml").is_file() else None


def row(folder: Path) -> dict[str, Any]:
    """What a run folder says of itself."""
    run = Run(folder)
    environment, status = run.folder.environment(), run.status
    last = run.metrics[-1] if run.metrics else {"figures": [], "notes": []}
    return {
        "method": run.config.method,
        **{k: status[k] for k in ("state", "step", "images_seen", "seconds")},
        "figures": {f["name"]: f["value"] for f in last["figures"]},
        "real": {f["name"]: f["real"] for f in last["figures"]},
        "notes": last["notes"],
        **{k: environment[k] for k in ("command", "torch", "processor", "cores", "threads", "precision")},
    }


def table(rows: list[dict[str, Any]], options: argparse.Namespace) -> str:
    names = list(rows[0]["figures"]) if rows else []
    head = ["method", "rounds", "images seen", *names, "threads"]
    lines = [
        f"# {options.data}, {options.budget or options.steps + ' rounds'} each, seed {options.seed}",
        "",
        f"`{rows[0]['processor']}`, {rows[0]['cores']} cores, torch {rows[0]['torch']}, {rows[0]['precision']}; "
        f"{options.jobs} at a time. {' '.join(rows[0]['notes'])}",
        "",
        f"    {' '.join(['python', 'experiments/methods/run.py', *sys.argv[1:]])}",
        "",
        "| " + " | ".join(head) + " |",
        "| --- |" + " ---: |" * (len(head) - 1),
    ]
    for r in rows:
        values = [_number(r["figures"].get(name)) for name in names]
        mark = "" if r["state"] == "finished" else f" ({r['state']})"
        cells = [r["method"] + mark, f"{r['step']:,}", f"{r['images_seen']:,}", *values, str(r["threads"])]
        lines.append("| " + " | ".join(cells) + " |")
    ceiling = [_number(rows[0]["real"].get(name)) for name in names]
    lines.append("| " + " | ".join(["held-out real data", "", "", *ceiling, ""]) + " |")
    return "\n".join(lines) + "\n"


def _number(value: float | None) -> str:
    return "∞" if value is None else f"{value:.4g}"


if __name__ == "__main__":
    main()

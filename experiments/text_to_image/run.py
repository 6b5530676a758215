"""Emoji out of their descriptions: how often an independent matcher finds the caption that an image was made from.

    twoplayer data prepare emoji --size 32 -o emoji
    python experiments/text_to_image/run.py --data emoji --budget 20min

The matcher is trained on the training part, reads characters where the run reads words, and ranks the right caption of
a held-out emoji among 100; beside the run's images stand the held-out images themselves, and chance. Writes a table,
the same as JSON, and a picture of what sentences of ours give.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

import twoplayer
from twoplayer.evaluation.caption_retrieval import RetrievalResult, caption_retrieval
from twoplayer.sampling.image_grid import image_grid, png_bytes

HERE = Path(__file__).parent
SENTENCES = (
    "a smiling face with sunglasses", "a red heart", "a woman with red hair", "a black cat", "the flag of France",
    "a yellow car", "a clock", "a slice of pizza",
)  # fmt: skip
EACH = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder of captioned images")
    parser.add_argument("--budget", default="20min")
    parser.add_argument("--resolution", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the run folders lie")
    parser.add_argument("--output", type=Path, default=HERE / "results", help="folder of table and picture")
    options = parser.parse_args()
    run = twoplayer.train(
        "gan-cls", options.data, run=options.runs / f"gan-cls-seed{options.seed}", budget=options.budget,
        resolution=options.resolution, seed=options.seed,
    )  # fmt: skip
    made, real = caption_retrieval(run)
    options.output.mkdir(parents=True, exist_ok=True)
    environment = run.folder.environment()
    lines = [
        f"# Text to image on {run.data['name']}, {options.budget}, {run.images_seen:,} images seen",
        "",
        f"`{environment['processor']}`, {environment['cores']} cores, {environment['threads']} threads, torch "
        f"{environment['torch']}, {environment['precision']}.",
        "",
        f"    {' '.join(['python', 'experiments/text_to_image/run.py', *sys.argv[1:]])}",
        "",
        "| images | count | mean rank among 100 | first | in first ten |",
        "| --- | ---: | ---: | ---: | ---: |",
        line("made of held-out captions", made),
        line("held-out images", real),
        "| chance | | 50.5 | .010 | .100 |",
    ]
    (options.output / "emoji.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    document = {"command": sys.argv, "environment": environment, "made": asdict(made), "real": asdict(real)}
    (options.output / "emoji.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    print("\n".join(lines))
    samples = [run.sample(EACH, text=sentence).array for sentence in SENTENCES]
    (options.output / "sentences.png").write_bytes(png_bytes(image_grid(np.concatenate(samples), columns=EACH)))


def line(what: str, found: RetrievalResult) -> str:
    mean = f"{found.mean_rank:.1f} ± {found.error:.1f}"
    return f"| {what} | {found.count} | {mean} | {found.r_precision_1:.3f} | {found.r_precision_10:.3f} |"


if __name__ == "__main__":
    main()

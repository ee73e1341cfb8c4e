"""Reads a run's event files with TensorBoard and compares them with its metrics.jsonl.

    python crates/train/scripts/check_events.py OUTPUT

OUTPUT is the folder of a run. Needs `pip install tensorboard` (written against 2.21). Prints one
line per tag, and ends with status 1 where a step, a number or a file differs. Resumed runs
have several files; what TensorBoard shows must be each step once, as metrics.jsonl has it.
"""

import json
import math
import struct
import sys
from pathlib import Path

from tensorboard.backend.event_processing import event_accumulator


def as_f32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def lines(path):
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def expected(output):
    """Tag -> {step: value} from the two files of lines."""
    tags = {}

    def put(tag, step, value):
        tags.setdefault(tag, {})[step] = math.nan if value is None else as_f32(value)

    for line in lines(output / "metrics.jsonl"):
        names = ["tokens_per_second"]
        if "skipped" not in line:
            names += ["loss", "lr", "grad_norm"]
        for name in names:
            put(f"train/{name}", line["step"], line[name])
        for name, part in line.get("parts", {}).items():
            put(f"train/loss/{name}", line["step"], part["loss"])
    for line in lines(output / "validation.jsonl"):
        if "loss" in line:
            put("validation/loss", line["step"], line["loss"])
        if "score" in line:
            put(f"validation/{line.get('score_name', 'score')}", line["step"], line["score"])
        for name, part in line.get("parts", {}).items():
            put(f"validation/loss/{name}", line["step"], part["loss"])
    return tags


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b))


def main():
    output = Path(sys.argv[1])
    folder = output / "tensorboard"
    events = event_accumulator.EventAccumulator(
        str(folder),
        size_guidance={event_accumulator.SCALARS: 0, event_accumulator.TENSORS: 0},
    )
    events.Reload()
    # TensorBoard may hold scalars as such or, migrated, as tensors of one number.
    found = {}
    for tag in events.Tags()["scalars"]:
        found[tag] = [(event.step, event.value) for event in events.Scalars(tag)]
    for tag in events.Tags()["tensors"]:
        found[tag] = [
            (event.step, event.tensor_proto.float_val[0]) for event in events.Tensors(tag)
        ]
    wanted = expected(output)
    wrong = sorted(set(wanted) ^ set(found))
    for tag in wrong:
        print(f"{tag}: only in {'the lines' if tag in wanted else 'the events'}")
    for tag in sorted(set(wanted) & set(found)):
        steps = [step for step, _ in found[tag]]
        good = steps == sorted(wanted[tag]) and all(
            same(value, wanted[tag][step]) for step, value in found[tag]
        )
        print(f"{tag}: {len(steps)} steps, {steps[0]} to {steps[-1]}, {'equal' if good else 'DIFFERENT'}")
        if not good:
            wrong.append(tag)
    files = len(list(folder.iterdir()))
    print(f"{files} event files, {len(found)} tags, {'all equal' if not wrong else 'not equal'}")
    sys.exit(1 if wrong or not found else 0)


if __name__ == "__main__":
    main()

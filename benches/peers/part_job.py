"""The whole fine-tuning job on Spider's rows, and generation."""

import json
import tempfile
from pathlib import Path

import fresh
from bench import HERE, values
from programs import ROOT, estimates


def job(bench):
    """The same minutes: finetune by the shipped recipe, completion-only and packed, and the loop of torch_sft.py, padded, both of
    16 rows a step; then ours in its default steps of 4, whose rows per second stand beside the same loop."""
    part, spider, minutes = "job", bench.shared / "data" / "spider", bench.flags.minutes

    def ours(batch):
        with tempfile.TemporaryDirectory() as folder:
            command = [bench.programs.example("finetune"), "--config", ROOT / "examples/runs/smollm2-spider.toml", "--model",
                       bench.flags.model, "--data", spider / "train.jsonl", "--databases", spider / "databases", "--batch-size", batch,
                       "--max-minutes", minutes, "--eval-questions", 0, "--validate-every", 1_000_000, "--output", f"{folder}/out", "--json", *bench.flags.finetune.split()]
            return bench.run(part, "ours", f"{minutes} minutes, {batch} rows a step", command, report)

    def report(run):
        said = json.loads(run["stdout"])
        seconds = 60 * said["training_minutes"]
        return {"rows_per_second": said["examples"] / seconds, "tokens_per_second": said["tokens"] / seconds, "steps": said["steps"],
                "loss": said["loss"]}

    def loop(run):
        lines = [line for line in run["stdout"].splitlines() if line.startswith("step ")]
        parts = lines[-1].split()
        return {"rows_per_second": float(parts[parts.index("examples/s") + 1]), "tokens_per_second": float(parts[parts.index("tokens/s") + 1]),
                "steps": len(lines), "loss": [float(line.split()[3]) for line in (lines[0], lines[-1])]}

    def peer():
        with tempfile.TemporaryDirectory() as folder:
            command = [bench.flags.python, HERE / "train_only.py", bench.shared / "peers" / "torch_sft.py", bench.flags.hf, spider, minutes, folder]
            return bench.run(part, "PyTorch", f"{minutes} minutes, 16 rows a step", command, loop)

    runs = bench.in_turn({"ours": lambda: ours(16), "peer": peer, "four": lambda: ours(4)}, bench.flags.job_rounds)
    for unit, key, bar in (("rows/s", "rows_per_second", 2.5), ("tokens/s without padding", "tokens_per_second", None),
                           ("peak MiB", "peak_mib", 0.25)):
        at_most = key == "peak_mib"
        bench.rows.add(part, f"Spider, {minutes:g} minutes, 16 rows a step", unit, values(runs["ours"], key), values(runs["peer"], key),
                       bar=bar, at_most=at_most)
        bench.rows.add(part, f"Spider, {minutes:g} minutes, ours 4 rows a step", unit, values(runs["four"], key),
                       values(runs["peer"], key), at_most=at_most, note="no equal: the peer has 16")


# Name in both programs, tokens of a run, what it is, the bar.
JOBS = (("prefill_512", 512, "read 512 tokens", 1.0), ("decode_1", 64, "one prompt, 64 new tokens", 2.0),
        ("decode_16_ragged", 16 * 64, "16 prompts, 64 new tokens each", 3.0))


def generate(bench):
    """Reading a prompt, and greedy decoding of one and of sixteen."""
    part = "generate"

    def ours():
        with tempfile.TemporaryDirectory() as home:
            read = lambda run: {name: tokens / estimates(home)[f"generate/{name}"] * 1e3 for name, tokens, _, _ in JOBS}
            return bench.run(part, "ours", "prefill, one, sixteen", [bench.programs.bench("generate"), "--bench", "--noplot"], read,
                             {"CRITERION_HOME": home, "RAYON_NUM_THREADS": "2"})

    command = [bench.flags.python, HERE / "generate.py", bench.flags.hf, 2]
    peer = lambda: bench.run(part, "PyTorch", "prefill, one, sixteen", command, lambda run: fresh.last_json(run["stdout"]))
    runs = bench.in_turn({"ours": ours, "peer": peer}, min(bench.flags.rounds, 2))
    for name, _, what, bar in JOBS:
        bench.rows.add(part, what, "tokens/s", values(runs["ours"], name), values(runs["peer"], name), bar=bar)
    bench.rows.add(part, "all three in one process", "peak MiB", values(runs["ours"], "peak_mib"), values(runs["peer"], "peak_mib"), at_most=True)

"""The main job as a user runs it: the quickstart, a short real fine-tune that is killed and resumed, evaluation, questions."""

import json
import math
import random
import signal
import subprocess
import time

from common import (
    CACHE, END_TOKEN, ROOT, SPIDER, TARGET, check, document, example, read_lines, run, say, sha256, succeed,
    write_lines)

STEPS = 24
ADAPTER = "adapter/adapter_model.safetensors"


def quickstart(folder):
    """No flags, no network, from another folder: before and after on databases that it has not seen, in three minutes."""
    place = folder / "quickstart"
    place.mkdir()
    start = time.time()
    offline = ["unshare", "--net", "--map-root-user"]
    if run([*offline, "true"], 10).returncode != 0:
        offline = []  # not allowed here: the network is there, and is not needed
    done = subprocess.run([*offline, TARGET / "release" / "examples" / "quickstart"], cwd=place,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=400)
    seconds = time.time() - start
    check(done.returncode == 0, f"exit code {done.returncode}: {done.stderr[-2000:]}")
    made = place / "anneal-quickstart"
    report = json.loads((made / "report.json").read_text())
    before, after = (report[when]["execution_accuracy"] for when in ("before", "after"))
    check(after > before + 0.3, f"from {before} to {after}")
    # Three minutes on two idle cores; the machine that lands changes is not idle.
    check(seconds <= 400, f"it took {seconds:.0f} s")
    for name in ["report.html", "adapter/adapter_config.json", ADAPTER]:
        check((made / name).is_file(), f"quickstart wrote no {name}")
    say(f"  execution accuracy {before:.3f} to {after:.3f} in {seconds:.0f} s")


def command(model, out, *more):
    return [TARGET / "release" / "examples" / "finetune", "--model", model, "--data", SPIDER / "train.jsonl",
            "--databases", SPIDER / "databases", "--max-steps", STEPS, "--eval-questions", 0, "--validate-every", STEPS // 2,
            "--validation-rows", 24, "--checkpoint-every", 2, "--output", out, *more]


def train(model, out):
    """Validation loss falls, the plan's memory is the real one, events say what metrics.jsonl says."""
    succeed(command(model, out), 600)
    for name in ["report.json", "report.html", "metrics.jsonl", "adapter/adapter_config.json", ADAPTER]:
        check((out / name).is_file(), f"finetune wrote no {name}")
    metrics = read_lines(out / "metrics.jsonl")
    check([line["step"] for line in metrics] == list(range(1, STEPS + 1)), f"steps in metrics.jsonl: {metrics}")
    numbers = [line[key] for line in metrics for key in ("loss", "lr", "grad_norm", "tokens_per_second")]
    check(all(math.isfinite(number) for number in numbers), f"not finite: {metrics}")
    report = json.loads((out / "report.json").read_text())
    check(report["steps"] == STEPS, f"report.json counts {report['steps']} steps of {STEPS}")
    losses = [line["loss"] for line in read_lines(out / "validation.jsonl")]
    check(len(losses) >= 2 and losses[-1] < 0.8 * losses[0], f"the validation loss did not fall: {losses}")
    planned, real = report["plan"]["memory"]["peak_bytes"], report["peak_memory_bytes"]
    check(abs(planned / real - 1) < 0.15, f"planned {planned} bytes, the peak was {real}")
    check_events(out)
    say(f"  validation loss {losses[0]:.3f} to {losses[-1]:.3f} in {STEPS} steps; {metrics[-1]['tokens_per_second']:.0f} tokens/s; "
        f"memory {real / 2**20:.0f} MiB, planned {planned / 2**20:.0f}")


def check_events(out):
    """TensorBoard's own reader finds the numbers of metrics.jsonl."""
    venv = CACHE / "tensorboard"
    if not (venv / "bin" / "tensorboard").exists():
        succeed(["python3", "-m", "venv", venv], 120)
        succeed([venv / "bin" / "python", "-m", "pip", "install", "--quiet", "tensorboard==2.20.0", "setuptools<81"], 300)
    script = ROOT / "crates" / "train" / "scripts" / "check_events.py"
    for line in succeed([venv / "bin" / "python", script, out], 120).strip().splitlines():
        say(f"  {line}")


def killed_and_resumed(model, out, folder):
    """Killed at a random moment and resumed, the run ends with the same bytes as the one that nobody touched."""
    again = folder / "killed"
    with open(folder / "killed.log", "wb") as log:
        child = subprocess.Popen([str(part) for part in command(model, again)], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        metrics, deadline = again / "metrics.jsonl", time.time() + 300
        while time.time() < deadline and not (metrics.exists() and len(metrics.read_text().splitlines()) >= STEPS // 2):
            check(child.poll() is None, f"the run ended by itself: {(folder / 'killed.log').read_text()[-1000:]}")
            time.sleep(0.2)
        time.sleep(random.uniform(0, 10))
        child.send_signal(signal.SIGKILL)
        check(child.wait() == -signal.SIGKILL, "the run was over before it was killed")
    stood = len((again / "metrics.jsonl").read_text().splitlines())
    succeed(command(model, again, "--resume"), 600)
    check(sha256(again / ADAPTER) == sha256(out / ADAPTER), "the resumed run's adapter has other bytes")
    pairs = zip(read_lines(again / "metrics.jsonl"), read_lines(out / "metrics.jsonl"), strict=True)
    same = all(a[key] == b[key] for a, b in pairs for key in ("step", "loss", "lr", "grad_norm", "tokens"))
    check(same, "the resumed run's metrics differ")
    say(f"  killed after step {stood}, resumed: the same bytes")


def evaluate_adapter(model, out, folder):
    held_out = read_lines(out / "held_out.jsonl")
    step = len(held_out) // 20
    questions = write_lines(folder / "questions.jsonl", held_out[: 20 * step : step])
    example("evaluate", "--model", model, "--adapter", out / "adapter", "--questions", questions,
            "--databases", SPIDER / "databases", "--report", folder / "evaluation.json", seconds=300)
    report = json.loads((folder / "evaluation.json").read_text())
    totals, lines = report["totals"], report["examples"]
    check(len(lines) == 20 and [line["index"] for line in lines] == list(range(20)), f"lines: {lines}")
    check(totals["judged"] + totals["gold_failed"] == 20, f"totals: {totals}")
    check(totals["correct"] == sum(line["match"] for line in lines), f"totals: {totals}")
    say(f"  {totals['correct']} of {totals['judged']} correct, {totals['runs']['count']} run")


def ask(model, out):
    """A question over a real database: SQL and its rows, or its error, in one document; the file stays as it was."""
    database = SPIDER / "databases" / "activity_1" / "activity_1.sqlite"
    before = sha256(database)
    flags = ["--model", model, "--adapter", out / "adapter", "--database", database, "--json", "How many faculty do we have?"]
    done = run([TARGET / "release" / "examples" / "ask", *flags], 120)
    check(done.returncode in (0, 1), f"exit code {done.returncode}: {done.stderr[-500:]}")
    made = document(done.stdout)
    check(made["sql"] and (made["error"] is None) == (done.returncode == 0), f"document: {made}")
    check(sha256(database) == before, "the database changed")
    say(f"  {made['sql']} → {made['rows'] if made['error'] is None else made['error']}")


def generate_with_adapter(model, out):
    flags = ["generate", "--model", model, "--prompt", "SELECT", "--max-new-tokens", 16, "--json"]
    plain, made = document(example(*flags)), document(example(*flags, "--adapter", out / "adapter"))
    ids, logprobs = made["token_ids"], made["logprobs"]
    check(1 <= len(ids) <= 16 and len(logprobs) == len(ids), f"token_ids {ids}, logprobs {logprobs}")
    check(len(ids) == 16 or ids[-1] == END_TOKEN, f"stopped early without an end token: {ids}")
    check(all(math.isfinite(p) and p <= 1e-6 for p in logprobs), f"logprobs {logprobs}")
    check(made["text"] and made["tokens_per_second"] > 0, f"document {made}")
    check(logprobs != plain["logprobs"], "the adapter changes nothing")

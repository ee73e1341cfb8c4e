"""Ours, built once: where each program lies, and what it can do."""

import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CARGO = os.environ.get("CARGO", "cargo")


def executables(*arguments):
    """Builds, and returns the programs by name; the whole workspace is selected, so that burn is built once."""
    command = [CARGO, *arguments, "--message-format=json-render-diagnostics"]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}")
    made = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    return {m["target"]["name"]: Path(m["executable"]) for m in made if m.get("executable")}


class Programs:
    """What the parts need, built before the first of them runs."""

    def __init__(self, parts):
        wanted = ["step", "roofline"] + (["finetune"] if "job" in parts else [])
        self.examples = executables("build", "--release", "--workspace", *(word for name in wanted for word in ("--example", name)))
        self.benches = {}
        if {"generate", "kernels"} & set(parts):
            self.benches = executables("bench", "--workspace", "--no-run", "--bench", "generate", "--bench", "kernels")

    def example(self, name):
        return self.examples[name]

    def bench(self, name):
        return self.benches[name]

    def has_flag(self, name, flag):
        """Whether an example knows a flag: parts that need what is not there yet leave it out."""
        shown = subprocess.run([self.example(name), "--help"], capture_output=True, text=True, check=True)
        return flag in shown.stdout


def estimates(home):
    """Criterion's medians under a CRITERION_HOME, in milliseconds, by group/function."""
    found = {}
    for path in sorted(Path(home).glob("*/*/new/estimates.json")):
        name = "/".join(path.parts[-4:-2])
        found[name] = json.loads(path.read_text())["median"]["point_estimate"] / 1e6
    return found

"""What every part of the comparison has: the flags, the programs, and runs that are counted and written down."""

import sys
import time
from pathlib import Path

import fresh

HERE = Path(__file__).resolve().parent


class Bench:
    def __init__(self, flags, programs, rows):
        self.flags, self.programs, self.rows = flags, programs, rows
        self.shared = Path(flags.shared).resolve()
        self.runs, self.failed, self.disturbed = [], 0, 0

    def say(self, line):
        print(f"[{time.strftime('%H:%M:%S')}] {line}", file=sys.stderr, flush=True)

    def run(self, part, side, what, command, read, env=None, limit=None):
        """A run whose output `read` turns into figures, which join the run; a run that fails is counted, and shown."""
        name = f"{part} {side}: {what}"
        done = fresh.run(command, env=env, limit=limit or self.flags.limit, patience=self.flags.wait,
                         log=lambda line: self.say(f"{name}: {line}"))
        if done.ok:
            try:
                done.update(read(done))
            except (ValueError, KeyError, IndexError) as error:
                done["state"] = "failed"
                done["stderr"] += f"\n{error}"
        if done["state"] == "failed":
            self.failed += 1
            tail = (done["stdout"] + done["stderr"]).strip().splitlines()[-8:]
            self.say(f"{name} failed with exit code {done['exit_code']}:\n  " + "\n  ".join(tail))
        self.disturbed += done["others_cores"] > fresh.DISTURBED
        record = {key: value for key, value in done.items() if key not in ("stdout", "stderr")}
        self.runs.append({"part": part, "side": side, "what": what, "command": self.shown(command), **record})
        return done

    def shown(self, command):
        """A command as it may be published: without this machine's paths."""
        hide = {self.flags.model: "MODEL.gguf", self.flags.hf: "HF_DIR", self.flags.python: "PYTHON", str(self.shared): "../shared",
                str(HERE): "benches/peers", str(HERE.parents[1]): "."}
        text = []
        for part in map(str, command):
            for path, word in hide.items():
                part = part.replace(path, word)
            text.append(Path(part).name if part.startswith("/") else part)
        return " ".join(text)

    def in_turn(self, sides, rounds=None):
        """Runs every side once a round, in the other order every second round (A B, B A, ..), so that neither has the machine's
        better minutes; returns the runs by side. A side that did not get to its end is not tried again."""
        found = {name: [] for name in sides}
        for number in range(rounds or self.flags.rounds):
            for name in list(sides) if number % 2 == 0 else reversed(list(sides)):
                if all(run.ok for run in found[name]):
                    found[name].append(sides[name]())
        return found

    def step(self, part, batch, length, steps, threads=2, more=(), weights=None, limit=None):
        """Our training step."""
        command = [self.programs.example("step"), *(weights or ["--model", self.flags.model]), "--batch", batch, "--length", length,
                   "--steps", steps, "--json", *more]
        what = f"{batch} x {length}, {threads} threads {' '.join(map(str, more))}".strip()
        # The system's peak is used for both sides; ours of itself says the same.
        read = lambda run: {"tokens_per_second": fresh.last_json(run["stdout"])["tokens_per_second"]}
        return self.run(part, "ours", what, command, read, {"RAYON_NUM_THREADS": str(threads)}, limit)

    def peer_step(self, part, batch, length, steps, threads=2, more=(), limit=None):
        """PyTorch's: the script as it is, or with one thing changed."""
        script = self.shared / "peers" / "torch_lora_step.py"
        start = [HERE / "step_variant.py", script, *more] if more else [script]
        command = [self.flags.python, *start, self.flags.hf, batch, length, steps, threads]
        what = f"{batch} x {length}, {threads} threads {' '.join(map(str, more))}".strip()
        read = lambda run: fresh.words(run["stdout"], "tokens_per_second")
        return self.run(part, "PyTorch", what, command, read, None, limit)


def values(runs, key):
    return [run[key] for run in runs if run.ok]


def state(runs):
    """What to say of a side whose last run did not get to its end."""
    if runs and not runs[-1].ok:
        return f"{runs[-1]['state']} (at {runs[-1]['peak_mib']:.0f} MiB)"
    return ""

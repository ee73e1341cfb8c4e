"""Ours and PyTorch in turn on this machine, every run a process of its own: benches/compare.sh MODEL.gguf HF_DIR PYTHON [PART...]

Parts: step (the cell with the bars), job (Spider's rows), generate, matrix (shapes and threads, an hour or two), kernels, memory.
Without a part: step, generate and job. The order of the sides turns round every round; before a run the machine must be quiet, or the
record says that it was not. Prints a table and, last, the ratios, as medians over the rounds. A missed bar is printed as missed and is no error:
exit code 1 says that a run failed, 2 that the flags are wrong. A run that the machine has no memory for is told as such and is no
failure.
"""

import argparse
import json
import platform
import subprocess
import sys
import time
from pathlib import Path

import fresh
import table
from bench import Bench
from part_job import generate, job
from part_kernels import kernels
from part_step import matrix, memory, step
from programs import ROOT, Programs

PARTS = {"step": step, "generate": generate, "job": job, "kernels": kernels, "memory": memory, "matrix": matrix}
VERSIONS = ("import json, platform, peft, torch, transformers; print(json.dumps({'python': platform.python_version(), 'torch': "
            "torch.__version__, 'transformers': transformers.__version__, 'peft': peft.__version__}))")


def parse():
    parser = argparse.ArgumentParser(prog="benches/compare.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="SmolLM2-135M-Instruct as GGUF")
    parser.add_argument("hf", help="the same as a Hugging Face folder in f32")
    parser.add_argument("python", help="an interpreter with torch, transformers and peft")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=4, help="times that each side runs (default 4; generate, kernels: at most 2)")
    parser.add_argument("--steps", type=int, default=8, help="of a run of the part step, the first not counted (default 8)")
    parser.add_argument("--minutes", type=float, default=4, help="of training in the part job, each side (default 4)")
    parser.add_argument("--job-rounds", type=int, default=1, help="times that each side of the part job runs (default 1)")
    parser.add_argument("--finetune", default="", help="more flags for our side of the part job, in one string")
    parser.add_argument("--batches", help="of the matrix: 1,4,16")
    parser.add_argument("--lengths", help="of the matrix: 128,512,2048")
    parser.add_argument("--threads", help="of the matrix: 2,1")
    parser.add_argument("--wait", type=float, default=60, help="seconds to wait before a run until the machine is quiet (default 60)")
    parser.add_argument("--limit", type=float, default=3600, help="seconds that a run may take (default 3600)")
    parser.add_argument("--shared", default=ROOT.parent / "shared", help="the folder with peers/ and data/spider/ (default ../shared)")
    parser.add_argument("--out", type=Path, help="a folder for compare.json and compare.txt, such as benches/runs/<date>-<machine>")
    flags = parser.parse_intermixed_args()
    unknown = [part for part in flags.parts if part not in PARTS]
    if unknown:
        parser.error(f"no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    for path in (flags.model, flags.hf, Path(flags.shared) / "peers" / "torch_lora_step.py"):
        if not Path(path).exists():
            parser.error(f"{path} does not exist")
    flags.parts = flags.parts or ["step", "generate", "job"]
    return flags


def machine(flags):
    cpu = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    versions = subprocess.run([flags.python, "-c", VERSIONS], capture_output=True, text=True)
    if versions.returncode != 0:
        raise SystemExit(f"{flags.python} lacks what the peers need:\n{versions.stderr.strip().splitlines()[-1]}")
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    rustc = subprocess.run(["rustc", "--version"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    return {"date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "commit": commit, "cpu": cpu[0] if cpu else platform.machine(),
            "cores": len(cpu), "memory_mib": fresh.meminfo()["MemTotal"], "system": platform.system(), "rustc": rustc,
            **json.loads(versions.stdout)}


def main():
    flags = parse()
    rows = table.Rows()
    about = machine(flags)
    bench = Bench(flags, Programs(flags.parts), rows)
    try:
        for part in flags.parts:
            bench.say(f"part {part}")
            PARTS[part](bench)
    finally:
        # What was measured is not lost if the last part is stopped.
        about["disturbed runs"] = f"{bench.disturbed} of {len(bench.runs)}, in which others used more than {fresh.DISTURBED} processors"
        text = "\n".join([*(f"{name}: {value}" for name, value in about.items()), "", table.show(rows) if rows else "nothing measured"])
        if flags.out:
            flags.out.mkdir(parents=True, exist_ok=True)
            settings = {name: getattr(flags, name) for name in ("parts", "rounds", "steps", "minutes", "job_rounds", "finetune")}
            document = {"machine": about, "settings": settings, "rows": rows, "runs": bench.runs}
            (flags.out / "compare.json").write_text(json.dumps(document, indent=1) + "\n")
            (flags.out / "compare.txt").write_text(text + "\n")
        print(text)
    if bench.failed:
        print(f"{bench.failed} runs failed", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

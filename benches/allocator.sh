#!/usr/bin/env bash
# What an allocator makes of a training step: tokens/s, peak memory, page faults.
#
#     benches/allocator.sh [--rounds N] [--steps N]
#
# SmolLM2-135M's shape, random weights, 4 x 128 tokens, two threads, LoRA of rank 16. The ways:
#
#   mimalloc, kept       `step`, as the examples run: what is freed is kept
#   mimalloc             `step --give-back`: as mimalloc does by itself
#   glibc                `allocator`: a program that chooses nothing
#   glibc, kept          the same with MALLOC_ARENA_MAX, MALLOC_MMAP_MAX_, MALLOC_TRIM_THRESHOLD_ and MALLOC_TOP_PAD_ set
#   jemalloc, kept       the same with LD_PRELOAD (where libjemalloc.so.2 is found) and MALLOC_CONF
#
# Every run is a process of its own, the ways in turn. Prints a Markdown table of medians. Nothing else should run.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=3 steps=8
while [ $# -gt 0 ]; do
    case $1 in
    --rounds) rounds=$2 && shift 2 ;;
    --steps) steps=$2 && shift 2 ;;
    *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" && exit 2 ;;
    esac
done
cargo=${CARGO:-cargo}
"$cargo" build --release --workspace --example step --example allocator
programs=${CARGO_TARGET_DIR:-target}/release/examples
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RAYON_NUM_THREADS=2

# run NAME COMMAND...: appends "tokens/s MiB minor-faults system-seconds" to the way's file
run() {
    local name=$1 && shift
    python3 - "$work/$name" "$@" <<'END'
import os, re, subprocess, sys

path, command = sys.argv[1], sys.argv[2:]
process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
text = process.stdout.read()
_, status, usage = os.wait4(process.pid, 0)
speed = re.search(r"tokens_per_second ([0-9.]+)", text)
if status != 0 or not speed:
    sys.exit(f"{' '.join(command)} failed")
with open(path, "a") as file:
    print(speed[1], usage.ru_maxrss / 1024, usage.ru_minflt, usage.ru_stime, file=file)
END
}
jemalloc=$(ldconfig -p | awk '/libjemalloc\.so\.2/ { print $NF; exit }')
for _ in $(seq "$rounds"); do
    run "mimalloc, kept" "$programs/step" --shape smollm2-135m --steps "$steps"
    run "mimalloc" "$programs/step" --shape smollm2-135m --steps "$steps" --give-back
    run "glibc" "$programs/allocator" --steps "$steps"
    run "glibc, kept" env MALLOC_ARENA_MAX=1 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=68719476736 \
        MALLOC_TOP_PAD_=67108864 "$programs/allocator" --steps "$steps"
    if [ -n "$jemalloc" ]; then
        run "jemalloc, kept" env "LD_PRELOAD=$jemalloc" \
            MALLOC_CONF=dirty_decay_ms:-1,muzzy_decay_ms:-1,oversize_threshold:0 "$programs/allocator" --steps "$steps"
    fi
done
python3 - "$work" <<'END'
import statistics, sys
from pathlib import Path

print("| allocator | tokens/s | peak MiB | page faults | seconds in the kernel |\n|---|---|---|---|---|")
rows = []
for path in Path(sys.argv[1]).iterdir():
    columns = zip(*(map(float, line.split()) for line in path.read_text().splitlines()))
    rows.append((path.name, *map(statistics.median, columns)))
for name, speed, peak, faults, system in sorted(rows, key=lambda row: -row[1]):
    print(f"| {name} | {speed:.1f} | {peak:,.0f} | {faults:,.0f} | {system:.1f} |")
END

#!/usr/bin/env bash
# Parity tests, training steps and generation on one CUDA machine, beside PyTorch.
#
#     benches/gpu.sh STAGE...        in this order: prepare build pack | unpack machine tests step peer generate
#
#   prepare   a copy of the workspace that builds without burn's LLVM bundle (../shared/cuda/prepare), with the tests that compute
#             on a device gathered in one program
#   build     that program, `step` and the generation benchmark, with feature cuda
#   pack      the programs and their test data in one file, for a machine that has no cargo
#   unpack    there, in a clone of the same commit: `pack`'s file, put where the programs look for it
#   machine   what the machine is
#   tests     each test in a process of its own: one line each, with its exit status and seconds
#   step      our training step, alone on the machine; peer: PyTorch's of the same jobs
#   generate  prefill and decoding, ours and transformers'
#   all       everything but pack and unpack
#
# A stage takes at most LIMIT seconds (default 540: a lent machine gives ten minutes a command). What it says goes to
# OUT (default benches/runs/<date>-<name of the GPU>), one file a stage.
#   JOBS      of step and peer: SHAPE:BATCHxLENGTH:DTYPE .. (default: the three shapes in bf16, adapters in f32)
#   STEPS     of a job (default 13)       PYTHON  with torch, transformers, peft (default python3)
#   TESTS     a part of the names of tests to run (default all)       AT_ONCE  tests side by side (default 4)
#   EACH      seconds that a test or a job may take (default 120)     HF_DIR   a model folder (default: random weights)
#   DEVICE    cuda:0                                                  PACK     pack's file (default target/gpu/pack.tar.xz)
# A kernel is compiled when it is first needed, which is most of a first run: see benches/runs/2026-11-23-h100/README.md. Compiled
# kernels are kept by burn beside the programs, so a second run of a stage says more than the first.
set -uo pipefail
cd "$(dirname "$0")/.."
root=$PWD
work=$root/target/gpu
copy=$work/workspace
bin=$work/bin
device=${DEVICE:-cuda:0}
each=${EACH:-120}
limit=${LIMIT:-540}
python=${PYTHON:-python3}
cargo=${CARGO:-cargo}
pack=${PACK:-$work/pack.tar.xz}
jobs=${JOBS:-smollm2-135m:8x1024:bf16 llama-3.2-1b:4x1024:bf16 llama-2-7b:1x2048:bf16}
export CUDA_PATH=${CUDA_PATH:-/usr/local/cuda}

# Tests that compute on the device that ANNEAL_TEST_DEVICE names.
device_tests=(
    kernels/tests/{agreement,cross_entropy,narrow,shapes,switch}.rs
    peft/tests/{agreement,dropout,embedding,forward,ia3,merge,mixtures}.rs
    llama/tests/{base_training,features,layouts,methods,packing,parity,peft_options,precision,prompt_tuning}.rs
    llama/tests/generation/main.rs
    train/tests/{curve,steps}.rs
)

die() {
    echo "gpu.sh: $*" >&2
    exit 1
}

out_folder() {
    local name
    name=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -1 | tr ' A-Z' '-a-z' | tr -cd 'a-z0-9-')
    out=${OUT:-benches/runs/$(date +%F)-${name:-no-gpu}}
    mkdir -p "$out"
}

# The name of a test file as a module: llama/tests/generation/main.rs is llama_generation.
module() {
    local name=${1%.rs}
    name=${name%/main}
    echo "${name/\/tests\//_}"
}

stage_prepare() {
    [ -x ../shared/cuda/prepare ] || [ -f ../shared/cuda/prepare ] || die "../shared/cuda/prepare is not there"
    mkdir -p "$work" "$bin"
    "$cargo" fetch
    python3 ../shared/cuda/prepare "$work/cubecl-cuda" || exit 1
    # The patch changes Cargo.lock, so it is built in a copy; what is committed there stays as it is.
    rm -rf "$copy"
    mkdir -p "$copy"
    git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -cf - -T - | tar -xf - -C "$copy"
    local file
    {
        echo "//! Every test that computes on a device, in one program."
        for file in "${device_tests[@]}"; do
            [ -f "crates/$file" ] && printf '#[path = "../../crates/%s"]\nmod %s;\n' "$file" "$(module "$file")"
        done
    } >"$copy/examples/tests/gpu_all.rs"
}

# Cargo's last JSON line about a target of that name.
executable() {
    python3 -c '
import json, sys
made = [json.loads(line) for line in sys.stdin if line.startswith("{")]
found = [m["executable"] for m in made if m.get("executable") and m["target"]["name"] == sys.argv[1]]
print(found[-1] if found else "")' "$1"
}

stage_build() {
    [ -d "$copy" ] || die "first: gpu.sh prepare"
    mkdir -p "$bin"
    local packages=(-p anneal-examples -p anneal-benches --features anneal-examples/cuda,anneal-testkit/cuda,anneal-benches/cuda)
    local patch="patch.crates-io.cubecl-cuda.path=\"$work/cubecl-cuda\"" name path log
    log=$(mktemp)
    # One command: another selection of targets would be another set of features, and burn built again.
    (cd "$copy" && CARGO_TARGET_DIR=${GPU_TARGET_DIR:-$work/target} "$cargo" test --no-run --release "${packages[@]}" --config "$patch" \
        --test gpu_all --example step --bench generate --message-format=json-render-diagnostics) >"$log" || exit 1
    for name in gpu_all step generate; do
        path=$(executable "$name" <"$log")
        [ -n "$path" ] || die "cargo made no $name"
        strip -o "$bin/$name" "$path"
    done
    rm "$log"
    # The tests look for their fixtures in the folder that they were built in.
    echo "$copy" >"$bin/built-in.txt"
    ls -l "$bin"
}

stage_pack() {
    tar -C "$work" -cf - bin workspace/crates/testkit/fixtures | xz -T0 -9 >"$pack"
    ls -l "$pack"
}

stage_unpack() {
    mkdir -p "$work"
    tar -C "$work" -xJf "$pack" || exit 1
    local built
    built=$(cat "$bin/built-in.txt")
    if [ ! -e "$built" ]; then
        mkdir -p "$(dirname "$built")"
        ln -s "$copy" "$built"
    fi
    # Tests run in the folder of the package whose tests they are.
    mkdir -p "$copy/examples"
}

stage_machine() {
    out_folder
    {
        date -u +"%F %H:%M UTC"
        git describe --always --dirty 2>/dev/null
        nvidia-smi
        "$CUDA_PATH/bin/nvcc" --version | tail -2
        nproc
        grep -m1 "model name" /proc/cpuinfo
        grep MemTotal /proc/meminfo
        "$python" -c 'import peft, torch, transformers; print("torch", torch.__version__, "transformers", transformers.__version__, "peft", peft.__version__)'
    } >"$out/machine.log" 2>&1
    cat "$out/machine.log"
}

# One test, one line: name, exit status (124: not done in time), seconds; the message of a failure below it.
one_test() {
    local start=$SECONDS log code=0
    log=$(mktemp)
    timeout "$each" "$bin/gpu_all" --exact "$1" --nocapture >"$log" 2>&1 || code=$?
    printf '%s rc %s %s s\n%s' "$1" "$code" $((SECONDS - start)) \
        "$([ $code = 0 ] || { grep -A1 panicked "$log" | grep -v '^--' | head -4 | cut -c1-300 | sed 's/^/  /'; echo; })"
    rm "$log"
}
export -f one_test

stage_tests() {
    out_folder
    export bin each ANNEAL_TEST_DEVICE=$device
    local log=$root/$out/tests.log
    [[ "$out" = /* ]] && log=$out/tests.log
    (cd "$copy/examples" && "$bin/gpu_all" --list --format terse | sed -n 's/: test$//p' | grep -F "${TESTS:-}" \
        | timeout "$limit" xargs -P "${AT_ONCE:-4}" -I{} bash -c 'one_test {}') >"$log"
    printf '%s passed, %s failed, %s not done in time\n' "$(grep -c ' rc 0 ' "$log")" "$(grep -cE ' rc (1|101|134) ' "$log")" "$(grep -c ' rc 124 ' "$log")"
    grep -vE ' rc 0 ' "$log" | tail -40
}

stage_step() {
    out_folder
    local job shape size dtype
    for job in $jobs; do
        IFS=: read -r shape size dtype <<<"$job"
        echo "== ours $job"
        timeout "$each" "$bin/step" --shape "$shape" --batch "${size%x*}" --length "${size#*x}" --dtype "$dtype" --device "$device" \
            --steps "${STEPS:-13}" --json 2>&1 || echo "exit code $?: not done in $each s, or refused; the steps above are all there are"
    done | tee -a "$out/train_step.log"
}

stage_peer() {
    out_folder
    local job
    for job in $jobs; do
        echo "== PyTorch $job"
        timeout "$each" "$python" benches/peers/train_step.py --device cuda "$job" 2>&1
    done | tee -a "$out/train_step.log"
}

stage_generate() {
    out_folder
    {
        echo "== ours"
        ANNEAL_TEST_DEVICE=$device CRITERION_HOME=$work/criterion timeout "$each" "$bin/generate" --bench --noplot 2>&1
        echo "== transformers"
        timeout "$each" "$python" benches/peers/generate.py "${HF_DIR:-random}" 2 cuda 2>&1
    } | tee -a "$out/generate.log"
}

[ $# -gt 0 ] || set -- --help
for stage in "$@"; do
    case "$stage" in
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" ;;
    all) exec "$0" prepare build machine tests step peer generate ;;
    prepare | build | pack | unpack | machine | tests | step | peer | generate) "stage_$stage" ;;
    *) die "no stage '$stage'; see --help" ;;
    esac
done

#!/usr/bin/env bash
# What a small program pays for the libraries it uses, and nothing for what is off: build time and binary size.
#
#     benches/size.sh [--cold] [VARIANT...]
#
# Each variant is a program of a few lines in a temporary folder, built by cargo in its release profile with this workspace's
# Cargo.lock. Without --cold all share a target folder, in the order of the list, so that a row's seconds and crates are what it
# needs beyond the rows above it (where features of burn differ, that is burn again). With --cold each begins with an empty one.
# Seconds count on an idle machine alone. Prints a Markdown table, to copy into docs/performance.md.
#
#   burn      burn with its CPU backend: a tensor and its sum
#   kernels   + anneal-kernels, no feature: plain tensor operations
#   flex      + its feature flex: the hand-written CPU kernels
#   peft      + anneal-peft: LoRA on a layer
#   llama     + anneal-llama with flex: a GGUF or folder read, and an answer generated
#   train     + anneal-train: a step of the trainer
#   hub       llama with feature hub: a model by its Hub id
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cargo=${CARGO:-cargo}
cold=no
case "${1:-}" in
-h | --help)
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
    exit
    ;;
--cold)
    cold=yes
    shift
    ;;
esac
[ $# -gt 0 ] || set -- burn kernels flex peft llama train hub
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

burn='burn = { version = "=0.22.1", default-features = false, features = ["std", "autodiff", "extension", "optim", "flex", "simd", "rayon", "x86-v4"] }'
path() { # CRATE [FEATURE]
    echo "$1 = { path = \"$root/crates/${1#anneal-}\"${2:+, features = [\"$2\"]} }"
}

# dependencies VARIANT; program VARIANT
dependencies() {
    echo "$burn"
    case $1 in
    burn) ;;
    kernels) path anneal-kernels ;;
    flex) path anneal-kernels flex ;;
    peft) path anneal-kernels flex && path anneal-peft ;;
    llama) path anneal-kernels flex && path anneal-llama ;;
    train) path anneal-kernels flex && path anneal-train ;;
    hub) path anneal-kernels flex && path anneal-llama hub ;;
    *) echo "size.sh: no variant '$1'" >&2 && exit 2 ;;
    esac
}

program() {
    case $1 in
    burn) cat <<'END' ;;
use burn::tensor::{Device, Tensor};
fn main() {
    let x = Tensor::<2>::ones([4, 8], &Device::flex());
    println!("{}", x.sum());
}
END
    kernels | flex) cat <<'END' ;;
use burn::tensor::{Device, Tensor};
fn main() {
    let device = Device::flex().autodiff();
    let x = Tensor::<2>::ones([4, 8], &device).require_grad();
    let y = anneal_kernels::rms_norm(x, Tensor::ones([8], &device), 1e-5);
    println!("{}", anneal_kernels::swiglu(y.clone(), y).sum());
}
END
    peft) cat <<'END' ;;
use anneal_peft::{LoraConfig, attach};
use burn::{nn::LinearConfig, tensor::Device};
fn main() {
    let layer = LinearConfig::new(8, 8).init(&Device::flex().autodiff());
    println!("{}", attach(layer, &LoraConfig::default(), 0).expect("a linear layer").0);
}
END
    llama | hub) cat <<'END' ;;
use anneal_llama::{GenerateOptions, LoadOptions, generate, load_with};
use burn::tensor::Device;
fn main() {
    let (path, device) = (std::env::args().nth(1).expect("a model"), Device::flex());
    let loaded = load_with(path.as_ref(), &LoadOptions::default(), &device).expect("a model");
    let options = GenerateOptions::default();
    let answer = generate(&loaded.model, &loaded.config, &[vec![1, 2, 3]], &options, &device);
    println!("{:?}", answer.expect("an answer"));
}
END
    train) cat <<'END' ;;
use anneal_train::{Budget, TokenLoss, Trainer, TrainerConfig};
use burn::{nn::LinearConfig, tensor::{Device, Tensor}};
fn main() {
    let device = Device::flex().autodiff();
    let mut model = LinearConfig::new(4, 1).init(&device);
    let budget = Budget { max_steps: Some(1), ..Budget::default() };
    let mut trainer = Trainer::new(&TrainerConfig { budget, ..TrainerConfig::default() }, 1).expect("settings");
    let mut step = trainer.begin();
    let loss = model.forward(Tensor::<2>::ones([2, 4], &device)).sum();
    step.backward(&model, TokenLoss::new(loss, 2)).expect("a loss");
    println!("{:?}", trainer.apply(&mut model, step).expect("a step"));
}
END
    esac
}

mib() { awk -v bytes="$1" 'BEGIN { printf "%.1f", bytes / 1048576 }'; }

echo "| program | crates built | build, s | binary, MiB | stripped, MiB |"
echo "|---|---|---|---|---|"
for variant in "$@"; do
    package=$work/$variant
    target=$work/target
    [ $cold = no ] || target=$work/target-$variant
    mkdir -p "$package/src"
    printf '[package]\nname = "uses-%s"\nversion = "0.1.0"\nedition = "2024"\n\n[workspace]\n\n[dependencies]\n%s\n' \
        "$variant" "$(dependencies "$variant")" >"$package/Cargo.toml"
    program "$variant" >"$package/src/main.rs"
    # The versions that are tested.
    cp "$root/Cargo.lock" "$package/Cargo.lock"
    cp "$root/rust-toolchain.toml" "$package/" 2>/dev/null || true
    (cd "$package" && "$cargo" fetch --quiet)
    start=$(date +%s.%N)
    if ! (cd "$package" && CARGO_TARGET_DIR=$target "$cargo" build --release) 2>"$work/log"; then
        echo "| $variant | does not build | | | |"
        grep -m3 -A4 '^error' "$work/log" >&2 || tail -5 "$work/log" >&2
        continue
    fi
    seconds=$(awk -v start="$start" -v end="$(date +%s.%N)" 'BEGIN { printf "%.0f", end - start }')
    binary=$target/release/uses-$variant
    strip -o "$work/stripped" "$binary"
    echo "| $variant | $(grep -c '^ *Compiling' "$work/log") | $seconds | $(mib "$(stat -c %s "$binary")") | $(mib "$(stat -c %s "$work/stripped")") |"
    [ $cold = no ] || rm -rf "$target"
done

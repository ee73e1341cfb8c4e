#!/usr/bin/env bash
# Ours and PyTorch in turn on this machine; prints a table, and the ratios last. See compare.sh --help.
#
#     benches/compare.sh MODEL.gguf HF_DIR PYTHON [PART...]
#
# MODEL.gguf: SmolLM2-135M-Instruct; HF_DIR: the same as a Hugging Face folder (../shared/peers/convert.py);
# PYTHON: an interpreter with torch, transformers and peft. CARGO names another cargo.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python=${3:-python3}
case "$python" in -*) python=python3 ;; esac
exec "$python" "$here/peers/compare.py" "$@"

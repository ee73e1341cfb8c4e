"""Runs ../shared/peers/torch_sft.py without its two evaluations, which take longer than its training.

usage: train_only.py TORCH_SFT.py MODEL_DIR SPIDER_DIR MINUTES OUT_DIR [LEARNING_RATE]

The adapter that it saves is a PEFT adapter: `evaluate --adapter OUT_DIR` judges it by the same decoder, questions and
rules as ours.
"""
import sys

path = sys.argv[1]
source = open(path, encoding="utf-8").read()
for call in ['evaluate("before")\n', 'evaluate("after")']:
    assert source.count(call) == 1, f"{path} has changed: no single {call!r}"
    source = source.replace(call, "pass\n")
sys.argv = sys.argv[1:]
exec(compile(source, path, "exec"))

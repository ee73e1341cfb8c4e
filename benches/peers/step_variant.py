"""Runs ../shared/peers/torch_lora_step.py with one thing changed.

usage: step_variant.py TORCH_LORA_STEP.py [--autocast] [--layers N] [--checkpointing] MODEL_DIR BATCH LENGTH STEPS [THREADS]

--autocast: forward and loss under bf16 autocast, as users do who want speed; weights stay f32
--layers N: random weights of the folder's shape with so many layers
--checkpointing: transformers' gradient checkpointing, which recomputes each layer in the backward pass
"""
import sys

arguments = sys.argv[1:]
path = arguments.pop(0)
source = open(path, encoding="utf-8").read()


def replace(old, new):
    global source
    assert source.count(old) == 1, f"{path} has changed: no single {old!r}"
    source = source.replace(old, new)


while arguments[0].startswith("--"):
    option = arguments.pop(0)
    if option == "--autocast":
        replace("    loss = model(input_ids=ids, labels=ids).loss\n",
                "    with torch.autocast('cpu', dtype=torch.bfloat16):\n        loss = model(input_ids=ids, labels=ids).loss\n")
    elif option == "--layers":
        layers = int(arguments.pop(0))
        replace('LlamaForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="sdpa")',
                'LlamaForCausalLM(LlamaForCausalLM.config_class.from_pretrained('
                f'path, num_hidden_layers={layers}, attn_implementation="sdpa")).float()')
    elif option == "--checkpointing":
        replace("model.train()\n", "model.train()\nmodel.enable_input_require_grads()\n"
                'model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})\n')
    else:
        sys.exit(__doc__)
sys.argv = [path, *arguments]
exec(compile(source, path, "exec"))

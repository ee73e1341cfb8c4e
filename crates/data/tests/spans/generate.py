"""Masks of conversations by transformers, and the lengths of prompts as TRL finds them; writes golden.json.

usage: pip install transformers==5.23.0 jinja2==3.1.6 && python generate.py

The tokenizer is tiny: byte-level BPE with a handful of merges and no cutting into words, so that merges
reach over spaces and new lines. `mask` is `return_assistant_tokens_mask` of the templates of this folder,
whose {% generation %} tags hold the answer and its end token. `prompts` is TRL's rule: the length of
`apply_chat_template(messages[:i], add_generation_prompt=True)`, or null where a token (`ĊĊ`) reaches from
the prompt into the answer, so that the prompt's ids are no prefix.
"""
import json
import pathlib

import tokenizers
import transformers

folder = pathlib.Path(__file__).parent
specials = ["<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
merges = ["Ġ Ġ", "S E", "L E", "LE C", "SE LEC", "SELEC T", "Ġ SELECT", "Ċ Ċ", "u s", "e r", "us er", "Ċ S",
          "ð Ł", "ðŁ ¦", "Ã ¼", "Ġ [", "Ġ 1"]
alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
vocabulary = {token: index for index, token in enumerate(alphabet + [pair.replace(" ", "") for pair in merges])}
model = tokenizers.models.BPE(vocab=vocabulary, merges=[tuple(pair.split(" ")) for pair in merges])
inner = tokenizers.Tokenizer(model)
inner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
inner.decoder = tokenizers.decoders.ByteLevel()
inner.add_special_tokens(specials)
tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>", eos_token="</s>")

conversations = {
    "one": [("user", "How many?"), ("assistant", "SELECT 1")],
    "system": [("system", "Be  brief.\n\n"), ("user", "user"), ("assistant", "SELECT user FROM [user] ")],
    "unicode": [("user", "Grüße, 世界 🦀 \n"), ("assistant", "🦀ü 世\n\nSELECT  1"), ("user", " 🦀"), ("assistant", "ü")],
    "goes on": [("user", "a"), ("assistant", "SELECT 1"), ("user", "SELECT 1")],
    "twice": [("user", "a"), ("assistant", "SELECT 1"), ("assistant", "SELECT 1"), ("user", "b"), ("assistant", "b ")],
    "border": [("user", "a"), ("assistant", "SELECT 1"), ("user", "b"), ("assistant", "\nSELECT 1")],
    "empty": [("user", ""), ("assistant", ""), ("user", " "), ("assistant", "x")],
}
conversations = {name: [{"role": role, "content": content} for role, content in turns]
                 for name, turns in conversations.items()}
cases = []
for name in ["chatml", "llama2", "llama3"]:
    source = (folder / f"{name}.jinja").read_text()
    for conversation, messages in conversations.items():
        render = lambda turns, **options: tokenizer.apply_chat_template(turns, chat_template=source, **options)
        whole = render(messages, return_dict=True, return_assistant_tokens_mask=True)
        ids = list(whole["input_ids"])
        prompts = []
        for index, message in enumerate(messages):
            if message["role"] == "assistant":
                prompt = list(render(messages[:index], add_generation_prompt=True, return_dict=True)["input_ids"])
                prompts.append(len(prompt) if ids[:len(prompt)] == prompt else None)
        cases.append({"template": name, "conversation": conversation, "text": render(messages, tokenize=False),
                      "input_ids": ids, "mask": list(whole["assistant_masks"]), "prompts": prompts})
lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
head = {
    "versions": {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__},
    "vocabulary": [token for token, _ in sorted(vocabulary.items(), key=lambda item: item[1])],
    "merges": merges,
    "specials": {token: inner.token_to_id(token) for token in specials},
    "conversations": conversations,
}
text = json.dumps(head, ensure_ascii=False)[:-1]
(folder / "golden.json").write_text(f'{text},\n"cases": [\n{lines}\n]}}\n')

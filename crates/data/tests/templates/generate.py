"""Renders the templates of this folder with transformers' own environment and writes rendered.json.

usage: pip install transformers==5.23.0 jinja2==3.1.6 && python generate.py
The clock that templates see stands at 2024-07-26, 12:00.
"""
import datetime
import json
import pathlib

import jinja2
import transformers
import transformers.utils.chat_template_utils as utils


class Noon(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26, 12)


utils.datetime = Noon
folder = pathlib.Path(__file__).parent
conversations = {
    "system": [("system", "Be brief."), ("user", "Hi")],
    "plain": [("user", " Grüße, 世界 🦀 \n"), ("assistant", "Hello\n"), ("user", "a  b")],
    "answered": [("system", "  "), ("user", "How many?\n"),
                 ("assistant", "SELECT COUNT(*) FROM \"pet\" WHERE a < 'b' ")],
}
conversations = {name: [{"role": role, "content": content} for role, content in turns]
                 for name, turns in conversations.items()}
rendered = []
for name in ["chatml", "llama2", "llama3", "features"]:
    template = utils._compile_jinja_template((folder / f"{name}.jinja").read_text())
    for conversation, messages in conversations.items():
        for prompt in [False, True]:
            text = template.render(messages=messages, tools=None, documents=None, add_generation_prompt=prompt,
                                   bos_token="<s>", eos_token="</s>")
            rendered.append({"template": name, "conversation": conversation, "add_generation_prompt": prompt, "text": text})
document = {
    "versions": {"transformers": transformers.__version__, "jinja2": jinja2.__version__},
    "conversations": conversations,
    "rendered": rendered,
}
(folder / "rendered.json").write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n")

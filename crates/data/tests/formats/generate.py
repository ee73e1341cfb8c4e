"""Writes trl.json: rows as `datasets` holds them, and what TRL makes of each before it renders them.

usage: pip install trl==1.16.0 datasets==5.2.0 transformers==5.23.0 && python generate.py
Each row goes through `Dataset.from_list` with a second row beside it, which fills in the keys that it
lacks with nulls, then through `maybe_convert_to_chatml` and, with two answers, `maybe_extract_prompt`.
"""
import copy
import json
import pathlib

import datasets
import trl
from trl.data_utils import maybe_convert_to_chatml, maybe_extract_prompt


def chat(*turns):
    return [{"role": role, "content": content} for role, content in turns]


system, question = ("system", "Be brief."), ("user", " What color is the sky? ")
blue, green = ("assistant", "Blue.\n"), ("assistant", "Green, 世界")
follow = [("user", "Sure?"), ("assistant", "Yes.")]
rows = [
    ("messages", {"messages": chat(system, question, blue, *follow)}),
    ("messages", {"messages": chat(question, blue, ("user", "Sure?"))}),
    ("sharegpt", {"conversations": [{"from": role, "value": content} for role, content in [system, question, blue]]}),
    ("sharegpt", {"conversations": chat(question, blue)}),
    ("prompt-completion", {"prompt": chat(system, question), "completion": chat(blue)}),
    ("preference", {"prompt": chat(system, question), "chosen": chat(blue), "rejected": chat(green)}),
    ("preference", {"chosen": chat(question, blue), "rejected": chat(question, green)}),
    ("preference", {"chosen": chat(system, question, blue), "rejected": chat(system, question, green, *follow)}),
    ("preference", {"chosen": chat(question, blue, *follow), "rejected": chat(question, blue)}),
    ("preference", {"prompt": question[1], "chosen": chat(question, blue), "rejected": chat(question, green)}),
    ("preference", {"chosen": chat(question, blue, ("user", "Sure?"), ("assistant", "Yes.")),
                    "rejected": chat(question, blue, ("user", "Sure?"), ("assistant", "No."))}),
]


def with_tools(row):
    """The same row with a key that `datasets` gives to every turn of the column, null where it was not."""
    row = copy.deepcopy(row)
    for value in row.values():
        if isinstance(value, list):
            value[0]["tool_calls"] = [{"name": "f"}]
    return row


entries = []
for format, row in rows:
    held = datasets.Dataset.from_list([row, with_tools(row)])[0]
    made = maybe_extract_prompt(maybe_convert_to_chatml(copy.deepcopy(held)))
    entries.append({"format": format, "row": held, "trl": made})
document = {
    "versions": {"trl": trl.__version__, "datasets": datasets.__version__},
    "rows": entries,
}
path = pathlib.Path(__file__).parent / "trl.json"
path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n")

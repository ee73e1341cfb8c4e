"""Pairs of queries for spider_oracle.py, made from Spider's golds.

    python3 spider_pairs.py --train train.jsonl [--labels labels.jsonl] --out-dir DIR [--seed 1] [--count 20000]

Writes DIR/golds.jsonl (each gold with itself), DIR/labels.jsonl (the pairs of labels.jsonl) and DIR/mutated.jsonl:
per pair a gold with another question's gold of the same database, or with one or two random edits of itself.
"""

import argparse
import json
import random
import re
from collections import defaultdict

WORD = re.compile(r"""'[^']*'|"[^"]*"|[\w.]+|[<>!=]+|\S""")
SWAPS = [("and", "or"), ("or", "and"), ("desc", "asc"), ("asc", "desc"), ("max", "min"), ("min", "avg"), ("sum", "count"),
         ("count", "max"), ("avg", "sum"), ("=", "!="), ("=", ">"), (">", "<"), ("<", ">="), (">=", "<="), ("!=", "<>"),
         ("intersect", "union"), ("union", "except"), ("except", "intersect"), ("in", "not in"), ("not in", "in"),
         ("like", "="), ("=", "like"), ("like", "not like"), ("distinct", ""), ("select", "select distinct"),
         ("join", "left join"), ("join", "inner join"), ("as", ""), ("=", "is"), ("where", "where not"), ("where", "having"),
         ("*", "distinct"), ("(", "( ("), (",", ""), (",", ", ,"), ("+", "-"), ("-", "*"), ("not", ""), ("=", "= = "),
         ("=", "between 1 and"), ("from", ""), ("limit", "limit value"), (";", ""), (")", ""), ("(", "")]
CLAUSES = ["where", "group", "having", "order", "limit", "intersect", "union", "except", "on"]
TAILS = [" ORDER BY {c}", " ORDER BY {c} DESC LIMIT 3", " LIMIT 1", " GROUP BY {c}", " GROUP BY {c} HAVING count(*) > 1",
         " WHERE {c} = 1", " AND {c} = 'x'", " OR {c} > 2", " UNION {q}", " EXCEPT {q}", " INTERSECT {q}", " ;", " -- note",
         " GROUP BY {c} HAVING avg({c}) > 1 AND count(*) > 2 OR {c} = 3", " AND {c} IN ({q})", " WHERE {c} NOT IN ({q})",
         " AND {c} BETWEEN 1 AND 5", " WHERE {c} LIKE '%a%'", " ORDER BY {c} + {c}", " AND {c} = {c}", " OR {c} NOT LIKE 'a'",
         " AND {c} = ( {c} )", " WHERE {c} > ( SELECT max({c}) FROM {c} )", " OFFSET 2", " ORDER BY count(*) , {c} ASC"]


def edit(words, golds, generator):
    """One random edit of a list of words."""
    words = list(words)
    kind = generator.choice(["swap", "swap", "swap", "cut", "tail", "tail", "names", "names", "drop", "repeat", "text", "wrap"])
    names = [word for word in words if re.match(r"[A-Za-z_][\w.]*$", word)]
    other = generator.choice(golds)
    if kind == "swap":
        places = [(at, new) for at, word in enumerate(words) for old, new in SWAPS if word.lower() == old]
        if places:
            at, new = generator.choice(places)
            words[at] = new
    elif kind == "cut":
        starts = [at for at, word in enumerate(words) if word.lower() in CLAUSES]
        if starts:
            start = generator.choice(starts)
            stops = [at for at in starts if at > start] + [len(words)]
            del words[start:stops[0]]
    elif kind == "tail":
        column = generator.choice(names) if names else "x"
        words.append(generator.choice(TAILS).format(c=column, q=other))
    elif kind == "names":
        others = [word for word in WORD.findall(other) if re.match(r"[A-Za-z_][\w.]*$", word)]
        places = [at for at, word in enumerate(words) if word in names]
        if places and others:
            words[generator.choice(places)] = generator.choice(others)
    elif kind == "drop":
        del words[generator.randrange(len(words))]
    elif kind == "repeat":
        at = generator.randrange(len(words))
        words.insert(at, words[at])
    elif kind == "text":
        places = [at for at, word in enumerate(words) if word[:1] in ("'", '"') or word.isdigit()]
        if places:
            words[generator.choice(places)] = generator.choice(["'other'", '"Two words"', "7", "1.5", "2e3", "1_0", "it's", "null"])
    else:
        return ["SELECT", "count", "(", "*", ")", "FROM", "("] + words + [")"]
    return words


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", required=True)
    parser.add_argument("--labels")
    parser.add_argument("--out-dir", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=20000)
    arguments = parser.parse_args()
    generator = random.Random(arguments.seed)
    rows = [json.loads(line) for line in open(arguments.train)]
    by_database = defaultdict(list)
    for row in rows:
        by_database[row["db_id"]].append(row["sql"])

    def write(name, pairs):
        with open(f"{arguments.out_dir}/{name}.jsonl", "w") as out:
            for database, gold, predicted in pairs:
                out.write(json.dumps({"db_id": database, "gold": gold, "predicted": predicted}) + "\n")

    write("golds", [(row["db_id"], row["sql"], row["sql"]) for row in rows])
    if arguments.labels:
        labels = [json.loads(line) for line in open(arguments.labels)]
        write("labels", [(row["db_id"], row["gold"], row["sql"]) for row in labels])
    pairs = []
    for _ in range(arguments.count):
        row = generator.choice(rows)
        golds = by_database[row["db_id"]]
        gold, predicted = row["sql"], row["sql"]
        kind = generator.random()
        if kind < 0.3:
            predicted = generator.choice(golds)
        if kind > 0.2:
            words = WORD.findall(predicted)
            for _ in range(generator.choice([1, 1, 2, 3])):
                words = edit(words, golds, generator) or ["SELECT"]
            predicted = " ".join(words)
        if generator.random() < 0.3:
            gold, predicted = predicted, gold
        pairs.append((row["db_id"], gold, predicted))
    write("mutated", pairs)


if __name__ == "__main__":
    main()

"""Judges pairs of SQL with Python's sqlite3 in the way of Spider's official script, to time beside ours.

usage: judge_pairs.py PAIRS.jsonl DATABASES [--ignore-distinct]

Every statement, gold or prediction, gets a connection of its own to every database of its suite, and all rows are fetched; results are
compared as bags of rows, or as lists where the gold says ORDER BY, under any permutation of the columns. Nothing is
kept between pairs. Python's sqlite3 alone; --ignore-distinct needs sqlparse. Prints pairs per second, and the verdicts
that are not those of the file's `match` (or `match_ignoring_distinct`).
"""

import asyncio
import itertools
import json
import pathlib
import random
import re
import sqlite3
import sys
import time
from collections import Counter

CURRENT_YEAR = re.compile(r"YEAR\s*\(\s*CURDATE\s*\(\s*\)\s*\)\s*", re.IGNORECASE)


def repair(sql):
    for apart, joined in (("> =", ">="), ("< =", "<="), ("! =", "!=")):
        sql = sql.replace(apart, joined)
    return sql


def without_distinct(sql):
    import sqlparse

    return "".join(t.value for t in sqlparse.parse(sql)[0].flatten() if t.value.lower() != "distinct")


async def fetch(path, sql):
    """All rows, None if it fails."""
    connection = sqlite3.connect(path)
    connection.text_factory = lambda data: data.decode(errors="ignore")
    try:
        return connection.execute(CURRENT_YEAR.sub("2020", sql)).fetchall()
    except Exception:
        return None
    finally:
        connection.close()


def run(path, sql):
    async def limited():
        return await asyncio.wait_for(fetch(path, sql), 60)

    return asyncio.run(limited())


def loose(row):
    """The row without the order of its values."""
    return tuple(sorted(row, key=lambda value: f"{value}{type(value)}"))


def columns_to_try(gold, found):
    width = len(found[0])
    places = [set(range(width)) for _ in range(width)]
    if width > 3:
        values = [{row[place] for row in gold} for place in range(width)]
        for row in (random.choice(found) for _ in range(20)):
            for place, allowed in zip(values, places):
                allowed -= {other for other in allowed if row[other] not in place}
    return (order for order in itertools.product(*places) if len(set(order)) == width)


def same(gold, found, ordered):
    if not gold and not found:
        return True
    if len(gold) != len(found) or len(gold[0]) != len(found[0]):
        return False
    a, b = [loose(row) for row in gold], [loose(row) for row in found]
    if (a != b) if ordered else (set(a) != set(b)):
        return False
    for order in columns_to_try(gold, found):
        turned = [tuple(row[place] for place in order) for row in found]
        if turned == gold if ordered else Counter(turned) == Counter(gold):
            return True
    return False


def judge(folder, gold, predicted, ignore_distinct):
    gold, predicted = repair(gold), repair(predicted)
    if ignore_distinct:
        gold, predicted = without_distinct(gold), without_distinct(predicted)
    ordered = "order by" in gold.lower()
    for path in folder.glob("*.sqlite"):
        expected, found = run(path, gold), run(path, predicted)
        assert expected is not None, f"{path}: the gold does not run: {gold}"
        if found is None or not same(expected, found, ordered):
            return False
    return True


def main():
    pairs = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
    folder, ignore = pathlib.Path(sys.argv[2]), "--ignore-distinct" in sys.argv
    label = "match_ignoring_distinct" if ignore else "match"
    start = time.perf_counter()
    verdicts = [judge(folder / p["db_id"], p["gold"], p["sql"], ignore) for p in pairs]
    seconds = time.perf_counter() - start
    others = [p for p, verdict in zip(pairs, verdicts) if p.get(label, verdict) != verdict]
    for pair in others[:20]:
        print(f"other than `{label}`: {pair['gold']}\n  {pair['sql']}")
    version = f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}"
    print(f"{len(pairs)} pairs in {seconds:.3f} s, {len(pairs) / seconds:.0f} a second, {version}; {len(others)} otherwise")


main()

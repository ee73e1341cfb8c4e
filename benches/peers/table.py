"""Rows of a comparison: figures of both sides, their ratio, the bar, and the table and the list of ratios made of them."""

import statistics


def median(values):
    return statistics.median(values) if values else None


class Rows(list):
    def add(self, part, what, unit, ours, peer=(), bar=None, at_most=False, note="", peer_name="PyTorch", better=True):
        """`ours` and `peer`: the figures of the rounds, in their order; `bar`: what the ratio ours/peer must reach, or stay
        below with `at_most`. Where figures are times, `better=False` turns the ratio round, so that it says how many times faster."""
        ours, peer = list(ours), list(peer)
        ratios = [b / a if not better else a / b for a, b in zip(ours, peer) if a and b]
        ratio = median(ratios)
        verdict = ""
        if bar is not None:
            held = ratio is not None and (ratio <= bar if at_most else ratio >= bar)
            verdict = "met" if held else "missed" if ratio is not None else "not measured"
        self.append(dict(part=part, what=what, unit=unit, ours=median(ours), peer=median(peer), peer_name=peer_name, ratio=ratio,
                         ratios=[round(r, 4) for r in ratios], ours_rounds=ours, peer_rounds=peer, bar=bar, at_most=at_most,
                         verdict=verdict, note=note))


def figure(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def bar_text(row):
    if row["bar"] is None:
        return ""
    return f"{'at most' if row['at_most'] else 'at least'} {row['bar']:g}"


def aligned(lines):
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    right = {1, 2, 3}
    return ["  ".join(cell.rjust(width) if column in right else cell.ljust(width)
                      for column, (cell, width) in enumerate(zip(line, widths))).rstrip() for line in lines]


def show(rows):
    """The table, then the ratios alone, last."""
    lines = [("what", "ours", "peer", "ratio", "bar", "verdict", "note")]
    for row in rows:
        name = f"{row['part']}: {row['what']}, {row['unit']}"
        peer = row["note"] if row["peer_name"] == "PyTorch" else f"peer: {row['peer_name']}" + (f"; {row['note']}" if row["note"] else "")
        lines.append((name, figure(row["ours"]), figure(row["peer"]), figure(row["ratio"]), bar_text(row), row["verdict"], peer))
    text = aligned(lines)
    ratios = [row for row in rows if row["ratio"] is not None]
    if ratios:
        text += ["", "ratios (ours to the peer; median of the rounds)"]
        text += aligned([(f"{r['part']}: {r['what']}, {r['unit']}", f"{r['ratio']:.2f}", bar_text(r), r["verdict"]) for r in ratios])
    return "\n".join(text)

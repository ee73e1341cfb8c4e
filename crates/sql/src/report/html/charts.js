// Bars with whiskers. Each row is a button that filters the questions, so a keyboard reaches it too.

// `bars`: [{ share, ends, kind }], drawn below one another on an axis from 0 to `most`.
function bars(list, most) {
  const height = 20 * list.length;
  const x = (share) => Math.min(100, (100 * share) / most);
  const drawing = svg('svg', { viewBox: `0 0 100 ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' });
  drawing.append(svg('rect', { class: 'track', x: 0, y: 0, width: 100, height }));
  for (const tick of [25, 50, 75]) drawing.append(svg('line', { class: 'grid', x1: tick, x2: tick, y1: 0, y2: height }));
  list.forEach(({ share, ends, kind }, at) => {
    const top = 20 * at;
    if (share !== null) drawing.append(svg('rect', { class: 'fill ' + kind, x: 0, y: top + 3, width: x(share), height: 14 }));
    if (ends) {
      const [low, high] = ends.map(x);
      drawing.append(svg('line', { class: 'whisker', x1: low, x2: high, y1: top + 10, y2: top + 10 }));
      for (const end of [low, high]) drawing.append(svg('line', { class: 'whisker', x1: end, x2: end, y1: top + 6, y2: top + 14 }));
    }
  });
  return drawing;
}

// One row: { label, list, value, spoken, pick }.
function barRow(row, most) {
  return el('button', { class: 'bar', type: 'button', click: row.pick, 'aria-label': row.spoken + '. Show these questions.', title: row.spoken },
    el('span', { class: 'label' }, foreign(row.label)), bars(row.list, most), el('span', { class: 'value num' }, row.value));
}

// A chart of many rows. More than `shown` scroll.
function chart(rows, { most = 1, shown = 30, two = false } = {}) {
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((tick) => el('span', {}, percent(tick * most, 0)));
  return [
    el('div', { class: 'axis', 'aria-hidden': 'true' }, el('span'), el('span', { class: 'ticks' }, ticks), el('span')),
    el('div', { class: 'chart' + (rows.length > shown ? ' long' : '') + (two ? ' two' : ''), tabindex: rows.length > shown ? '0' : null },
      rows.map((row) => barRow(row, most))),
  ];
}

const spokenRate = (name, rate) =>
  `${name}: ${percent(rate.rate)}, ${whole(rate.count)} of ${whole(rate.of)}, 95 % interval ${interval(rate.interval)}`;

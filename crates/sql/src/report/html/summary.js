// The numbers and charts at the top.

function tile(name, value, note) {
  return el('div', { class: 'tile' }, el('span', {}, name), el('b', { class: 'num' }, value), el('span', { class: 'num' }, note));
}

function tiles(data) {
  const { totals, before } = data;
  const list = [
    tile('Execution accuracy', percent(totals.match.rate), totals.match.rate === null ? 'nothing was judged' : '95 % interval ' + interval(totals.match.interval)),
    tile('Correct', whole(totals.correct), 'of ' + plural(totals.judged, 'judged question')),
    tile('Wrong result', whole(totals.wrong), 'run and give something else'),
    tile('Do not run', whole(totals.prediction_failed), 'predictions with an error or none'),
  ];
  if (totals.gold_failed) list.push(tile('Left out', whole(totals.gold_failed), 'their gold does not run'));
  if (before) {
    const { all } = before;
    const ends = all.interval ? signed(all.interval[0]) + ' to ' + signed(all.interval[1]) : '–';
    list.push(tile('Difference, in points', signed(all.difference), '95 % interval ' + ends));
    list.push(tile('McNemar’s exact p', pValue(all.p_exact), 'mid-p ' + pValue(all.p_mid)));
  }
  return el('div', { class: 'tiles' }, list);
}

function table(head, rows) {
  return el('div', { class: 'wide' }, el('table', { class: 'numbers' },
    el('thead', {}, el('tr', {}, head.map((name) => el('th', { scope: 'col' }, name)))),
    el('tbody', {}, rows.map(([name, ...cells]) =>
      el('tr', {}, el('th', { scope: 'row' }, name), cells.map((cell) => el('td', { class: 'num' }, cell)))))));
}

function metricTable(data) {
  const two = Boolean(data.before);
  const rows = data.metrics.filter(({ rate }) => rate.of > 0).map(({ name, rate, before }) =>
    [name, whole(rate.count), whole(rate.of), percent(rate.rate), interval(rate.interval), ...(two ? [percent(before.rate)] : [])]);
  for (const [name, key] of [['soft F1 (BIRD), mean', 'soft_f1'], ['R-VES (BIRD), mean', 'r_ves']]) {
    const mean = data.totals[key];
    if (!mean.of) continue;
    const other = two ? data.before.totals[key].mean : null;
    rows.push([name, '', whole(mean.of), mean.mean.toFixed(3), mean.interval.map((end) => end.toFixed(3)).join(' to '),
      ...(two ? [other === null ? '–' : other.toFixed(3)] : [])]);
  }
  return table(['metric', 'count', 'of', 'rate', '95 % interval', ...(two ? ['before'] : [])], rows);
}

function pairedTable(data) {
  const { before, words } = data;
  const row = (name, p) => [name, whole(p.both), whole(p.only_second), whole(p.only_first), whole(p.neither),
    signed(p.difference), p.interval ? signed(p.interval[0]) + ' to ' + signed(p.interval[1]) : '–', pValue(p.p_exact), pValue(p.p_mid)];
  return table(['', 'both right', 'gained', 'lost', 'both wrong', 'difference', '95 % interval', 'McNemar p', 'mid-p'],
    [row('all', before.all), ...Object.entries(before.by_hardness).map(([key, paired]) => row(words[key] || key, paired))]);
}

const panel = (title, ...children) => el('div', { class: 'panel' }, el('h3', {}, title), children);
const fullPanel = (...parts) => { const made = panel(...parts); made.classList.add('full'); return made; };

// `pick(name, value)` sets one filter and shows the questions.
function summary(data, pick) {
  const { before, words } = data;
  const two = Boolean(before);
  const parts = [panel('Metrics', metricTable(data))];
  if (two) {
    const left = before.left_out ? ` ${plural(before.left_out, 'question')} left out.` : '';
    parts.unshift(fullPanel('Before and after, by execution',
      el('p', { class: 'soft' }, `Differences in points; Newcombe’s interval.${left}`), pairedTable(data)));
  }
  if (data.by_hardness.length) {
    const rows = data.by_hardness.map(([key, rate]) => {
      const old = two && before.by_hardness[key] ? before.by_hardness[key].first : null;
      const list = [{ share: rate.rate, ends: rate.interval, kind: '' }];
      if (old) list.push({ share: old.rate, ends: old.interval, kind: 'before' });
      return { label: words[key] || key, list, value: `${percent(rate.rate)} of ${whole(rate.of)}`,
        spoken: spokenRate(words[key] || key, rate) + (old ? `; before ${percent(old.rate)}` : ''), pick: () => pick('hardness', key) };
    });
    const legend = two ? el('p', { class: 'soft' }, el('span', { class: 'key' }), 'after', el('span', { class: 'key before' }), 'before') : null;
    parts.push(panel('Execution accuracy by hardness', legend, chart(rows, { two })));
  }
  const failures = [...data.failures].sort((a, b) => b[1].count - a[1].count);
  if (failures.length) {
    // An axis whose four parts are whole per cents.
    const most = Math.min(1, Math.ceil(25 * Math.max(...failures.map(([, rate]) => rate.interval[1]))) / 25);
    const rows = failures.map(([key, rate]) => ({
      label: words[key] || key, list: [{ share: rate.rate, ends: rate.interval, kind: 'fail' }],
      value: `${whole(rate.count)} · ${percent(rate.rate)}` + (two ? ` (${whole(before.failures[key]?.count || 0)})` : ''),
      spoken: spokenRate(words[key] || key, rate), pick: () => pick('failure', key) }));
    parts.push(panel('Failures by class', el('p', { class: 'soft' }, 'Of the judged questions' + (two ? '; before in parentheses.' : '.')), chart(rows, { most })));
  }
  const databases = data.by_database.filter(([, rate]) => rate.of > 0)
    .sort((a, b) => a[1].rate - b[1].rate || a[1].interval[1] - b[1].interval[1] || (a[0] < b[0] ? -1 : 1));
  if (databases.length) {
    const rows = databases.slice(0, 400).map(([name, rate]) => ({
      label: name, list: [{ share: rate.rate, ends: rate.interval, kind: '' }],
      value: `${percent(rate.rate, 0)} of ${whole(rate.of)}`, spoken: spokenRate(name, rate), pick: () => pick('database', name) }));
    const more = databases.length > rows.length ? el('p', { class: 'soft' }, `The weakest ${whole(rows.length)} of ${whole(databases.length)}.`) : null;
    parts.push(panel('Execution accuracy by database, weakest first', more, chart(rows, { shown: 12 })));
  }
  return [tiles(data), el('div', { class: 'panels' }, parts)];
}

// One question: its line in the list, and what opens below it.

const wordsOf = (data, key) => data.words[key] || key.replaceAll('_', ' ');

function badge(data, question) {
  const { now } = question;
  if (question.gold_error !== null) return el('span', { class: 'badge skip' }, '◌ left out');
  if (now.match) return el('span', { class: 'badge good' }, '✓ match');
  return el('span', { class: 'badge bad' }, '✗ ' + (now.failure ? wordsOf(data, now.failure) : 'no match'));
}

// 'gained', 'lost', 'same' or '' where a gold does not run or there is no second report.
function change(question) {
  const { now, before } = question;
  if (!before || question.gold_error !== null) return '';
  return now.match === before.match ? 'same' : now.match ? 'gained' : 'lost';
}

function questionLine(data, question) {
  const changed = change(question);
  const where = [question.db, question.hardness && wordsOf(data, question.hardness)].filter(Boolean);
  return el('summary', {},
    el('span', { class: 'id num' }, '#' + question.index), badge(data, question),
    changed === 'gained' ? el('span', { class: 'badge good' }, '▲ gained') : changed === 'lost' ? el('span', { class: 'badge bad' }, '▼ lost') : null,
    el('span', { class: 'text' }, foreign(question.question)),
    el('span', { class: 'where' }, where.flatMap((part, at) => [at ? ' · ' : '', foreign(part)])));
}

function verdicts(answer) {
  const list = [['execution', answer.match], ['exact text', answer.exact], ['normalised', answer.normalised],
    ['components', answer.components], ['BIRD', answer.bird], ['column subset', answer.subset]];
  const item = ([name, verdict]) => el('li', { class: verdict === null ? 'soft' : verdict ? 'yes' : 'no' },
    `${name} ${verdict === null ? '– does not apply' : verdict ? '✓ yes' : '✗ no'}`);
  return el('ul', { class: 'chips', 'aria-label': 'Verdicts' }, list.map(item),
    el('li', {}, 'soft F1 ' + answer.soft_f1.toFixed(3)),
    answer.r_ves === null ? null : el('li', {}, 'time reward ' + answer.r_ves.toFixed(3)));
}

function message(data, answer) {
  if (answer.match || (!answer.failure && !answer.error)) return null;
  const failure = answer.failure ? wordsOf(data, answer.failure) : 'no match';
  return el('p', { class: 'message' }, el('b', {}, failure), answer.error ? [': ', foreign(answer.error)] : null);
}

function sqlPanel(title, pieces) {
  return el('div', {}, el('h3', {}, title), pieces === null
    ? el('p', { class: 'soft' }, 'There is no prediction.')
    : el('pre', { tabindex: '0' }, pieces.map(([piece, differs]) => (differs ? el('mark', {}, piece) : el('span', {}, piece)))));
}

function cell(value, differs) {
  const [kind, content, length] = value === null ? ['null', 'NULL'] : typeof value === 'string' ? ['t', value] : value;
  const plain = kind === 'n' || kind === 'null';
  return el('td', { class: [plain ? kind : '', differs ? 'differs' : ''].join(' ').trim() || null },
    plain ? content : el('bdi', { dir: 'auto' }, content),
    content === '' ? el('span', { class: 'null' }, '(empty text)') : null,
    length === undefined ? null : el('span', { class: 'soft' }, ` … (${whole(length)} in all)`));
}

// `marks`: for each row null or its differing columns; `lone`: columns without a counterpart; `sign`: '−' or '+'.
function grid(data, marks, lone, sign) {
  const row = (values, at) => {
    const differs = marks && marks[at];
    const spoken = sign === '−' ? 'only in the gold' : 'only in the prediction';
    return el('tr', { class: differs ? (sign === '−' ? 'gone' : 'new') : null },
      el('td', { class: 'sign', title: differs ? spoken : null, 'aria-label': differs ? spoken : null }, differs ? sign : ''),
      values.map((value, column) => cell(value, lone.includes(column) || (differs && differs.has(column)))));
  };
  const more = data.total <= data.rows.length ? '' : data.rows.length ? `, the first ${whole(data.rows.length)} shown` : ', not shown: the first is too large';
  return [
    el('p', { class: 'soft' }, `${plural(data.total, 'row')}, ${plural(data.columns.length, 'column')}${more}`),
    el('div', { class: 'rows', tabindex: '0' }, el('table', {},
      el('thead', {}, el('tr', {}, el('th', { class: 'sign' }), data.columns.map((name) => el('th', { scope: 'col' }, foreign(name))))),
      el('tbody', {}, data.rows.map(row)))),
  ];
}

function results(answer, title) {
  const { gold_rows: gold, rows } = answer;
  if (!gold && !rows) return null;
  const marked = gold && rows && !answer.match
    ? diffRows(gold, rows, answer.failure === 'wrong_order')
    : { gold: null, predicted: null, lone: { gold: [], predicted: [] } };
  const none = () => el('p', { class: 'soft' }, 'No rows: the query does not run.');
  const place = answer.database ? [' on ', foreign(answer.database)] : [];
  const partly = marked.gold && [gold, rows].some((side) => side.total > side.rows.length)
    ? el('p', { class: 'soft' }, 'The marks compare the rows that are shown.') : null;
  return el('div', { class: 'side' }, partly ? [partly, el('span')] : null,
    el('div', {}, el('h3', {}, 'Gold’s rows', place), gold ? grid(gold, marked.gold, marked.lone.gold, '−') : none()),
    el('div', {}, el('h3', {}, title), rows ? grid(rows, marked.predicted, marked.lone.predicted, '+') : none()));
}

function questionBody(data, question) {
  const { now, before } = question;
  const against = (answer) => (answer.sql === null ? [[[question.gold, false]], null] : diffSql(question.gold, answer.sql));
  const [gold, predicted] = against(now);
  const queries = [sqlPanel('Gold', gold), sqlPanel(before ? 'Prediction, after' : 'Prediction', predicted)];
  if (before) queries.push(sqlPanel('Prediction, before', against(before)[1]));
  const content = [
    question.gold_error === null ? null : el('p', { class: 'message skip' }, el('b', {}, 'The gold does not run'), ': ', foreign(question.gold_error)),
    message(data, now), verdicts(now),
    el('div', { class: 'side' + (before ? ' three' : '') }, queries),
    results(now, before ? 'Prediction’s rows, after' : 'Prediction’s rows'),
  ];
  if (before) content.push(el('h3', {}, 'Before'), message(data, before), verdicts(before), results(before, 'Prediction’s rows, before'));
  const schema = question.schema === null ? null : el('details', { class: 'schema', open: '' },
    el('summary', {}, question.db ? ['Schema of ', foreign(question.db)] : 'Schema'), el('pre', { tabindex: '0' }, data.schemas[question.schema]));
  return el('div', { class: 'body' + (schema ? ' with-schema' : '') }, el('div', {}, content), schema);
}

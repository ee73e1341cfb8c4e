// The list: filters, order, pages, and the address.

const data = JSON.parse(document.getElementById('data').textContent);
const byId = (id) => document.getElementById(id);
const PAGE = 50;
const LEVELS = ['easy', 'medium', 'hard', 'extra'];
let shown = [];
let page = 0;

// What a search looks at, made once.
const haystacks = data.questions.map((q) =>
  [q.db, q.question, q.gold, q.now.sql, q.now.error, q.before?.sql, q.gold_error].filter(Boolean).join('\n').toLowerCase());

function options(id, list) {
  byId(id).append(...list.map(([value, name]) => el('option', { value }, name)));
}

function tally(key) {
  const counts = new Map();
  for (const question of data.questions) counts.set(key(question), (counts.get(key(question)) || 0) + 1);
  return counts;
}

const isWrong = (q) => q.gold_error === null && !q.now.match;
const failureOf = (q) => (isWrong(q) ? q.now.failure || '' : '');
const VERDICTS = {
  match: ['match', (q) => q.gold_error === null && q.now.match],
  wrong: ['no match', isWrong],
  out: ['left out', (q) => q.gold_error !== null],
  text: ['match, other text', (q) => q.gold_error === null && q.now.match && !q.now.normalised],
  form: ['no match, same components', (q) => isWrong(q) && q.now.components === true],
  bird: ['BIRD disagrees', (q) => q.gold_error === null && q.now.match !== q.now.bird],
};
const SORTS = {
  index: ['number', (a, b) => a.index - b.index],
  database: ['database', (a, b) => (a.db < b.db ? -1 : a.db > b.db ? 1 : 0)],
  hardness: ['hardness', (a, b) => LEVELS.indexOf(b.hardness) - LEVELS.indexOf(a.hardness)],
  failure: ['failure', (a, b) => (failureOf(a) < failureOf(b) ? -1 : failureOf(a) > failureOf(b) ? 1 : 0)],
  near: ['soft F1, highest first', (a, b) => b.now.soft_f1 - a.now.soft_f1],
  long: ['gold, longest first', (a, b) => b.gold.length - a.gold.length],
};

function setUp() {
  text(byId('describe'), (data.before ? 'After: ' : '') + data.describe);
  if (data.before) text(byId('describe-before'), 'Before: ' + data.before.describe);
  else byId('describe-before').remove();
  document.title = data.name + ' · text-to-SQL report';
  byId('summary').append(...summary(data, pick));
  const all = ['', `all (${whole(data.questions.length)})`];
  const counted = (entries, name) => [all, ...entries.map(([key, count]) => [key, `${name(key)} (${whole(count)})`])];
  const verdicts = Object.entries(VERDICTS).map(([key, [, keeps]]) => [key, data.questions.filter(keeps).length]);
  options('verdict', counted(verdicts.filter(([key, count]) => count || key === 'match' || key === 'wrong'), (key) => VERDICTS[key][0]));
  const changes = tally(change);
  options('change', counted(['gained', 'lost', 'same'].map((key) => [key, changes.get(key) || 0]), (key) => (key === 'same' ? 'same verdict' : key)));
  byId('change-label').hidden = !data.before;
  const levels = tally((q) => q.hardness || 'none');
  options('hardness', counted([...LEVELS, 'none'].filter((key) => levels.has(key)).map((key) => [key, levels.get(key)]),
    (key) => (key === 'none' ? 'not known' : wordsOf(data, key))));
  const failures = [...tally(failureOf)].filter(([key]) => key).sort((a, b) => b[1] - a[1]);
  options('failure', counted(failures, (key) => wordsOf(data, key)));
  // The value is a number: a database may have any name, also an empty one.
  databases.push(...[...tally((q) => q.db)].sort((a, b) => (a[0] < b[0] ? -1 : 1)));
  options('database', [all, ...databases.map(([name, count], at) => [String(at), `${name || 'none'} (${whole(count)})`])]);
  options('sort', Object.entries(SORTS).map(([key, [name]]) => [key, name]));
  let waiting = 0;
  byId('search').addEventListener('input', () => { clearTimeout(waiting); waiting = setTimeout(update, 150); });
  // The search box sends `change` as it loses the focus, say to a question that is being opened: nothing to do then.
  byId('filters').addEventListener('change', (event) => { if (event.target.id !== 'search') update(); });
  byId('filters').addEventListener('submit', (event) => { event.preventDefault(); update(); });
  byId('filters').addEventListener('reset', () => setTimeout(update));
  window.addEventListener('hashchange', follow);
}

const databases = [];

// A bar of a chart was pressed.
function pick(name, value) {
  byId('filters').reset();
  byId(name).value = name === 'database' ? String(databases.findIndex(([db]) => db === value)) : value;
  update();
  byId('questions-title').scrollIntoView();
}

function update() {
  const [search, verdict, changed, hardness, failure, database, sort] =
    ['search', 'verdict', 'change', 'hardness', 'failure', 'database', 'sort'].map((id) => byId(id).value);
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const numbers = words.filter((word) => /^#\d+$/.test(word)).map((word) => Number(word.slice(1)));
  const needles = words.filter((word) => !/^#\d+$/.test(word));
  const db = database === '' ? null : databases[Number(database)][0];
  shown = data.questions.filter((q, at) =>
    (!verdict || VERDICTS[verdict][1](q)) && (!changed || change(q) === changed) &&
    (!hardness || (q.hardness || 'none') === hardness) && (!failure || failureOf(q) === failure) &&
    (db === null || q.db === db) && (!numbers.length || numbers.includes(q.index)) &&
    needles.every((needle) => haystacks[at].includes(needle)));
  shown.sort((a, b) => SORTS[sort][1](a, b) || a.index - b.index);
  page = 0;
  draw();
}

function item(question) {
  const details = el('details', { class: 'q', id: 'q' + question.index }, questionLine(data, question));
  details.addEventListener('toggle', () => {
    if (!details.open) return;
    if (details.children.length === 1) details.append(questionBody(data, question));
    // The address of a question can be passed on.
    try { history.replaceState(null, '', '#q' + question.index); } catch { /* not from this address */ }
  });
  return details;
}

function draw() {
  const judged = shown.filter((q) => q.gold_error === null);
  const right = judged.filter((q) => q.now.match).length;
  const share = judged.length ? `; ${whole(right)} of ${whole(judged.length)} judged match (${percent(right / judged.length)})` : '';
  byId('count').replaceChildren(`${whole(shown.length)} of ${plural(data.questions.length, 'question')}${share}`);
  byId('list').replaceChildren(...shown.slice(page * PAGE, (page + 1) * PAGE).map(item));
  const last = Math.max(0, Math.ceil(shown.length / PAGE) - 1);
  const turn = (name, to) => {
    const button = el('button', { type: 'button', click: () => { page = to; draw(); byId('questions-title').scrollIntoView(); byId('list').querySelector('summary')?.focus({ preventScroll: true }); } }, name);
    button.disabled = to < 0 || to > last || to === page;
    return button;
  };
  byId('pages').replaceChildren(...(last === 0 ? [] : [turn('First', 0), turn('Previous', page - 1),
    el('span', { class: 'num' }, `page ${whole(page + 1)} of ${whole(last + 1)}`), turn('Next', page + 1), turn('Last', last)]));
}

// `#q17` in the address opens question 17, on whatever page it is.
function follow() {
  const found = /^#q(\d+)$/.exec(location.hash);
  if (!found) return;
  const is = (q) => q.index === Number(found[1]);
  if (!shown.some(is)) {
    byId('filters').reset();
    update();
  }
  const at = shown.findIndex(is);
  if (at < 0) return;
  page = Math.floor(at / PAGE);
  draw();
  const details = byId('q' + found[1]);
  details.open = true;
  details.scrollIntoView();
  details.querySelector('summary').focus({ preventScroll: true });
}

setUp();
update();
follow();

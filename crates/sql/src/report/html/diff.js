// What differs between two queries, and between two results.

// Words, numbers, quoted things, operators; white space and comments are between them and do not count.
const TOKEN = /\s+|--[^\n]*|\/\*[^]*?(?:\*\/|$)|'(?:[^']|'')*'?|"(?:[^"]|"")*"?|`[^`]*`?|[\p{L}_][\p{L}\p{N}_$]*|\p{N}[\p{L}\p{N}_.]*|<>|<=|>=|!=|==|\|\||[^]/gu;
// Steps of the comparison of two queries; beyond them the middle counts as different.
const STEPS = 4e6;

function tokens(sql) {
  const found = [];
  for (const [token] of sql.matchAll(TOKEN)) {
    const between = /^(\s|--|\/\*)/.test(token);
    // Case counts in quotes only. A lone semicolon at the end does not count at all.
    const key = between ? null : /^['"`]/.test(token) ? token : token.toLowerCase();
    found.push({ token, key });
  }
  for (let at = found.length - 1; at >= 0 && (found[at].key === null || found[at].key === ';'); at--) found[at].key = null;
  return found;
}

// Both queries as lists of [text, differs], by a longest common subsequence of their tokens.
function diffSql(gold, predicted) {
  const sides = [tokens(gold), tokens(predicted)];
  const [a, b] = sides.map((side) => side.filter(({ key }) => key !== null));
  let start = 0;
  while (start < a.length && start < b.length && a[start].key === b[start].key) start++;
  let [endA, endB] = [a.length, b.length];
  while (endA > start && endB > start && a[endA - 1].key === b[endB - 1].key) (endA--, endB--);
  const [n, m] = [endA - start, endB - start];
  for (const token of a.slice(start, endA)) token.differs = true;
  for (const token of b.slice(start, endB)) token.differs = true;
  if (n > 0 && m > 0 && n * m <= STEPS) {
    const longest = new Uint16Array((n + 1) * (m + 1));
    for (let i = n - 1; i >= 0; i--) {
      for (let j = m - 1; j >= 0; j--) {
        const at = i * (m + 1) + j;
        longest[at] = a[start + i].key === b[start + j].key
          ? longest[at + m + 2] + 1
          : Math.max(longest[at + m + 1], longest[at + 1]);
      }
    }
    for (let i = 0, j = 0; i < n && j < m;) {
      const at = i * (m + 1) + j;
      if (a[start + i].key === b[start + j].key) a[start + i++].differs = b[start + j++].differs = false;
      else if (longest[at + m + 1] >= longest[at + 1]) i++;
      else j++;
    }
  }
  return sides.map(joined);
}

// Neighbours that agree about differing as one piece; what stands between two that differ differs with them.
function joined(side) {
  const pieces = [];
  side.forEach(({ token, key, differs }, at) => {
    const mark = key === null
      ? Boolean(side[at - 1]?.differs && side[at + 1]?.differs)
      : Boolean(differs);
    if (pieces.length && pieces.at(-1)[1] === mark) pieces.at(-1)[0] += token;
    else pieces.push([token, mark]);
  });
  return pieces;
}

// A text that is the same for equal values only: 3 and 3.0 are one number, the number 3 and the text 3 are not.
function cellKey(cell) {
  if (cell === null) return '';
  if (typeof cell === 'string') return 't' + cell;
  const [kind, value] = cell;
  if (kind === 'n') return 'n' + value.replace(/\.0$/, '').replace(/^-0$/, '0');
  return cell.join('\u0000');
}

// For each predicted column the gold column that it stands for, or -1: the one in its place if the values agree,
// otherwise one with the same bag of values, otherwise the one with its name, otherwise the one in its place.
function alignColumns(gold, predicted) {
  const bag = (grid, column) => JSON.stringify(grid.rows.map((row) => cellKey(row[column])).sort());
  const free = new Set(gold.columns.keys());
  const goldBags = gold.columns.map((_, column) => bag(gold, column));
  const bags = predicted.columns.map((_, column) => bag(predicted, column));
  const found = predicted.columns.map(() => -1);
  const same = (a, b) => a.toLowerCase() === b.toLowerCase();
  for (const fits of [
    (column, other) => column === other && bags[column] === goldBags[other],
    (column, other) => bags[column] === goldBags[other],
    (column, other) => same(predicted.columns[column], gold.columns[other]),
    (column, other) => column === other,
  ]) {
    found.forEach((done, column) => {
      if (done >= 0) return;
      for (const other of free) {
        if (!fits(column, other)) continue;
        found[column] = other;
        free.delete(other);
        break;
      }
    });
  }
  return found;
}

// Which shown rows have no counterpart, and in which cells they differ from the nearest one.
// `ordered`: the n-th row answers to the n-th. Gives { gold, predicted }, each a list with, for every row, null or
// the set of columns that differ; and the columns that have no counterpart.
function diffRows(gold, predicted, ordered) {
  const columns = alignColumns(gold, predicted);
  const common = columns.map((other, column) => [other, column]).filter(([other]) => other >= 0);
  const keysA = gold.rows.map((row) => common.map(([other]) => cellKey(row[other])));
  const keysB = predicted.rows.map((row) => common.map(([, column]) => cellKey(row[column])));
  const lone = {
    gold: [...gold.columns.keys()].filter((other) => !columns.includes(other)),
    predicted: [...predicted.columns.keys()].filter((column) => columns[column] < 0),
  };
  const result = { gold: keysA.map(() => null), predicted: keysB.map(() => null), lone };
  let [restA, restB] = [[...keysA.keys()], [...keysB.keys()]];
  if (ordered) {
    restA = restA.filter((row) => row >= keysB.length || keysA[row].some((key, at) => key !== keysB[row][at]));
    restB = restB.filter((row) => row >= keysA.length || keysA[row].some((key, at) => key !== keysB[row][at]));
  } else {
    const open = new Map();
    const row = (keys) => JSON.stringify(keys);
    restB.forEach((at) => open.set(row(keysB[at]), [...(open.get(row(keysB[at])) || []), at]));
    restA = restA.filter((at) => open.get(row(keysA[at]))?.shift() === undefined);
    restB = [...open.values()].flat().sort((a, b) => a - b);
  }
  const differing = (a, b) => common.map((_, at) => at).filter((at) => keysA[a][at] !== keysB[b][at]);
  for (const a of restA) result.gold[a] = new Set(common.map(([other]) => other));
  for (const b of restB) result.predicted[b] = new Set(common.map(([, column]) => column));
  const left = new Set(restB);
  for (const a of restA) {
    let best = null;
    for (const b of ordered ? (left.has(a) ? [a] : []) : left) {
      const cells = differing(a, b);
      if (cells.length < common.length && (!best || cells.length < best.cells.length)) best = { b, cells };
    }
    if (!best) continue;
    left.delete(best.b);
    result.gold[a] = new Set(best.cells.map((at) => common[at][0]));
    result.predicted[best.b] = new Set(best.cells.map((at) => common[at][1]));
  }
  return result;
}

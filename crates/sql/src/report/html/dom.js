// Elements and text. Everything from outside goes through `text`, and so through text nodes only.

// Control characters, and those that are invisible or turn the direction of what follows. They are shown by
// number: a query must not look like another one. Joiners that writing systems need (U+200C, U+200D) stay.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/;

function text(parent, value) {
  let plain = '';
  for (const character of String(value)) {
    if (HIDDEN.test(character) && character !== '\r') {
      parent.append(plain);
      plain = '';
      const code = character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0');
      parent.append(el('span', { class: 'ctl' }, 'U+' + code));
    } else if (character !== '\r') {
      plain += character;
    }
  }
  parent.append(plain);
}

// An element with attributes and children; a string among the children becomes text.
function el(name, attributes, ...children) {
  const element = document.createElement(name);
  fill(element, attributes, children);
  return element;
}

function svg(name, attributes, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  fill(element, attributes, children);
  return element;
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes || {})) {
    if (typeof value === 'function') element.addEventListener(key, value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value);
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined) continue;
    if (typeof child === 'object') element.append(child);
    else text(element, child);
  }
}

// Text from outside in a line of ours, kept from turning the direction of its neighbours.
const foreign = (value) => el('bdi', { dir: 'auto' }, value);

const percent = (share, digits = 1) => (share === null ? '–' : (100 * share).toFixed(digits) + ' %');
const whole = (count) => count.toLocaleString('en-US');
const interval = (ends, digits = 1) =>
  ends ? (100 * ends[0]).toFixed(digits) + ' to ' + percent(ends[1], digits) : '–';
const signed = (share) => (share === null ? '–' : (share > 0 ? '+' : share < 0 ? '−' : '±') + Math.abs(100 * share).toFixed(1));
const pValue = (p) => (p >= 0.001 ? p.toFixed(3) : p.toExponential(1));
const plural = (count, noun) => whole(count) + ' ' + noun + (count === 1 ? '' : 's');

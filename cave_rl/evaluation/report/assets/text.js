"use strict";
// Everything that is shown goes through here, as text: what a model wrote is never read as markup.

// Characters that cannot be seen, or that reorder what is seen.
const UNSEEN = /(?![\n\t ])[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/gu;

function codePoint(character) {
  return "U+" + character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
}

// The text for places that hold no elements, such as options.
function visible(text) {
  return String(text).replace(UNSEEN, (character) => `⟨${codePoint(character)}⟩`);
}

// The text as nodes, what cannot be seen named and marked.
function nodes(given) {
  const text = String(given);
  const fragment = document.createDocumentFragment();
  let end = 0;
  for (const match of text.matchAll(UNSEEN)) {
    fragment.append(text.slice(end, match.index));
    const mark = document.createElement("span");
    mark.className = "unseen-character";
    mark.textContent = codePoint(match[0]);
    fragment.append(mark);
    end = match.index + match[0].length;
  }
  fragment.append(text.slice(end));
  return fragment;
}

// An element. Children are elements, fragments, or anything else as text.
function el(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : visible(value));
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) element.append(child instanceof Node ? child : nodes(child));
  }
  return element;
}

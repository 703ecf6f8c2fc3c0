"use strict";
// The episodes that the page holds: an index, and chunks that are unpacked when one of theirs is read.

const KEPT = 8;
const chunks = new Map();

async function load(id) {
  const element = document.getElementById(id);
  if (element.type === "application/json") return JSON.parse(element.textContent);
  if (typeof DecompressionStream === "undefined") {
    throw new Error("This browser cannot unpack the episodes; write the report with --plain for it.");
  }
  const packed = Uint8Array.from(atob(element.textContent), (character) => character.charCodeAt(0));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(unpacked).text());
}

// What there is to read of an episode, by its place in the index.
async function details(place, size) {
  const number = Math.floor(place / size);
  if (!chunks.has(number)) {
    if (chunks.size >= KEPT) chunks.delete(chunks.keys().next().value);
    chunks.set(number, load(`chunk-${number}`));
  }
  return (await chunks.get(number))[place % size];
}

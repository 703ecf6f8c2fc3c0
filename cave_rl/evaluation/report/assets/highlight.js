"use strict";
// Python, coloured: comments, strings, numbers and keywords. Wrong in corners (nested f-strings), never in what it says.

const PYTHON = new RegExp(
  [
    /(?<comment>#[^\n]*)/,
    /(?<string>[rRbBfFuU]{0,2}(?:"""(?:\\[^]|[^\\])*?(?:"""|$)|'''(?:\\[^]|[^\\])*?(?:'''|$)|"(?:\\[^]|[^"\\\n])*"?|'(?:\\[^]|[^'\\\n])*'?))/,
    /(?<number>\d[\w.]*)/,
    /(?<keyword>(?:False|None|True|and|as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|in|is|lambda|nonlocal|not|or|pass|raise|return|try|while|with|yield)(?!\w))/,
    /(?<name>[\p{L}_][\p{L}\p{N}_]*)/,
  ]
    .map((part) => part.source)
    .join("|"),
  "gu",
);

function highlight(code) {
  const fragment = document.createDocumentFragment();
  let end = 0;
  for (const match of code.matchAll(PYTHON)) {
    const kind = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
    if (kind === "name") continue;
    fragment.append(nodes(code.slice(end, match.index)), el("span", { class: kind }, match[0]));
    end = match.index + match[0].length;
  }
  fragment.append(nodes(code.slice(end)));
  return fragment;
}

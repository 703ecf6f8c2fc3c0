"use strict";
// One episode, as a person reads it.

function showTrace(article, title, episode, others) {
  article.replaceChildren(
    el("h3", { id: "trace-title" }, title),
    facts(episode.facts),
    ...(others.length ? [el("p", null, "Other episodes of this task: ", others.map(link))] : []),
    ...(episode.fault ? [el("p", { class: "fault" }, el("strong", null, "Fault: "), episode.fault)] : []),
    ...opening(episode.opening),
    ...episode.turns.map((turn) => showTurn(turn, episode.turns.length)),
    ...more(episode.more, "Everything else the trace has"),
  );
}

function link({ id, text }, number) {
  return el("span", null, number ? ", " : "", el("a", { href: `#e${id}` }, text));
}

function facts(pairs) {
  return el("dl", { class: "facts" }, pairs.map(([name, value]) => el("div", null, el("dt", null, name), el("dd", null, value))));
}

// What the model was given: the last message in full, what came before it folded.
function opening(messages) {
  if (!messages.length) return [];
  const shown = messages.map(([role, text]) => el("div", null, el("p", { class: "role" }, role), el("pre", null, text)));
  const last = shown.pop();
  const before = el("details", null, el("summary", null, `Before it: ${shown.length} messages`), shown);
  return [el("h4", null, "What the model was given"), ...(shown.length ? [before] : []), last];
}

function showTurn(turn, turns) {
  const score = turn.score === "" ? "not judged" : `score ${turn.score}`;
  return el(
    "section",
    { class: "turn", "aria-label": `Turn ${turn.turn}` },
    el("h4", null, turns > 1 ? `Turn ${turn.turn} of ${turns}: ${score}` : `Turn ${turn.turn}: ${score}`),
    turn.query ? el("pre", { class: "query" }, turn.query) : null,
    turn.steps.map(showStep),
    verdicts(turn.verdicts),
  );
}

function showStep(step) {
  const parts = [el("h5", null, step.name, step.outcome ? [": ", el("span", { class: `outcome ${["ok", "answered", "said"].includes(step.outcome) ? "fine" : "bad"}` }, step.outcome)] : [])];
  if (step.message.length) parts.push(el("p", { class: "role" }, "the model"), el("pre", { class: "said" }, step.message.map(segment)));
  if (step.observation) parts.push(el("p", { class: "role" }, "observation"), el("pre", null, step.observation));
  if (step.facts.length) parts.push(facts(step.facts));
  parts.push(...more(step.more, "More of this step"));
  return el("div", { class: "step" }, parts);
}

function segment([kind, text]) {
  return kind === "code" ? el("code", null, highlight(text)) : text;
}

function verdicts(found) {
  if (!found.length) return null;
  const rows = found.map((each) =>
    el(
      "tr",
      { class: each.passed ? "passed" : "failed" },
      el("td", null, each.passed ? "✓ holds" : "✗ FAILS"),
      el("td", null, each.gate ? "gate" : `assertion, weight ${each.weight}`),
      el("th", { scope: "row" }, each.name),
      el("td", null, each.message),
    ),
  );
  const head = ["verdict", "kind", "statement", "found"].map((name) => el("th", { scope: "col" }, name));
  return el("table", { class: "verdicts" }, el("caption", null, "Verdicts"), el("thead", null, el("tr", null, head)), el("tbody", null, rows));
}

function more(pairs, title) {
  if (!pairs.length) return [];
  const shown = pairs.map(([name, value]) => [el("p", { class: "role" }, name), el("pre", null, value)]);
  return [el("details", null, el("summary", null, title), shown.flat())];
}

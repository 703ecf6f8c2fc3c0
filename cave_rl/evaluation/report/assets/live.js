"use strict";
// On a server: says when the runs have changed since the page was made.

function watch(stamp) {
  const place = document.getElementById("changed");
  const timer = setInterval(async () => {
    try {
      const answer = await fetch("stamp", { cache: "no-store" });
      if ((await answer.text()) === stamp) return;
      const button = el("button", { type: "button" }, "Reload");
      button.addEventListener("click", () => location.reload());
      place.replaceChildren("The runs have changed. ", button);
    } catch {
      place.textContent = "The server has stopped; the page stays as it is.";
    }
    clearInterval(timer);
  }, 2000);
}

if (document.body.dataset.stamp) watch(document.body.dataset.stamp);

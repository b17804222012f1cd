"use strict";
/* What pages do beyond htmx; every page works without this file. */

/* Without a network the page says so, and knocks by itself until there is one. A browser often does not notice that its
   network leads nowhere: a question of htmx without an answer tells, too. A page that was kept is then loaded anew. */
const root = document.documentElement;
let knocking = 0;

const lost = () => {
  if (!root.hasAttribute("data-offline")) root.dataset.offline = "";
  if (!knocking) knock(3000);
};

const found = () => {
  clearTimeout(knocking);
  knocking = 0;
  if (!root.hasAttribute("data-offline")) return;
  if (root.dataset.offline === "saved") { location.reload(); return; }
  root.removeAttribute("data-offline");
  document.body.dispatchEvent(new Event("network"));
};

const knock = (wait) => {
  clearTimeout(knocking);
  knocking = setTimeout(async () => {
    try {
      await fetch("/healthz", { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(10000) });
      found();
    } catch { knock(Math.min(wait * 1.5, 30000)); }
  }, wait);
};

window.addEventListener("offline", lost);
window.addEventListener("online", () => { if (root.hasAttribute("data-offline")) knock(200); });
for (const name of ["htmx:sendError", "htmx:timeout"]) document.addEventListener(name, lost);
document.addEventListener("htmx:afterOnLoad", found);
if (root.dataset.offline === "saved") lost();

/* Who pays on a copy of a page pays to whoever made it: at another host than ours the page says so and sends nothing.
   What the copy's maker has put in the place of our address in the text is put right, too. */
const home = document.querySelector("[data-home]");
if (home) {
  const letters = Uint8Array.from(atob(home.dataset.home), (letter) => letter.charCodeAt(0));
  const ours = new URL(new TextDecoder().decode(letters));
  const near = ["localhost", "[::1]"].includes(location.hostname) || /^127(\.\d+){3}$/.test(location.hostname);
  const wrong = !near && location.hostname !== ours.hostname;
  const plain = !near && !wrong && location.protocol !== "https:";
  if (wrong || plain) {
    home.hidden = false;
    home.querySelector('[data-when="wrong"]').hidden = !wrong;
    home.querySelector('[data-when="plain"]').hidden = !plain;
    const text = home.querySelector("[data-home-text]");
    text.textContent = ours.origin;
    text.hidden = plain && ours.protocol !== "https:";
  }
  if (wrong) {
    window.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopImmediatePropagation();
      home.scrollIntoView({ block: "center" });
    }, true);
  }
}

/* A form that cannot be sent stays as it is, and nothing is lost but a tap. */
document.addEventListener("submit", (event) => {
  // By its attribute: a form with a field of that name answers with the field.
  if (navigator.onLine || event.target.getAttribute("method") !== "post") return;
  event.preventDefault();
  event.stopImmediatePropagation();
  lost();
  document.querySelector(".offline").scrollIntoView({ block: "center" });
});

/* A second tap on the same button sends nothing: the first is on its way. The server would take it quietly anyway. */
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  setTimeout(() => { delete form.dataset.sent; }, 8000);
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach((form) => { delete form.dataset.sent; });
});

/* A text that is copied by one tap. Without this file, or without a clipboard, it is still selected by one. */
document.documentElement.dataset.script = "";

const copied = (button) => {
  const said = document.getElementById("said");
  const word = button.querySelector("span");
  const before = word.textContent;
  if (before === button.dataset.done) return;
  word.textContent = button.dataset.done;
  if (said) said.textContent = button.dataset.done;
  setTimeout(() => { word.textContent = before; }, 2500);
};

const select = (place) => {
  const range = document.createRange();
  range.selectNodeContents(place);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const place = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(place.textContent.trim());
    copied(button);
  } catch {
    // Not over https, or inside an app that has no clipboard for pages.
    select(place);
    if (document.execCommand("copy")) copied(button);
  }
});

/* The language menu closes on Escape and on a tap elsewhere. */
const menu = document.querySelector("details.languages");
if (menu) {
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) { menu.open = false; menu.querySelector("summary").focus(); }
  });
}

/* Signing out takes the kept list along, even if the next page never arrives. */
document.addEventListener("submit", (event) => {
  const leads = event.target.getAttribute("action") || "";
  if (leads.endsWith("/account/logout/") && "caches" in window) caches.delete("list");
});

/* Passkeys are offered only where the browser knows them. */
const passkey = document.getElementById("passkey_login");
if (passkey && window.PublicKeyCredential) passkey.hidden = false;

/* A passkey that fails says so on the page instead of in the console only. */
document.addEventListener("allauth.error", (event) => {
  const place = document.getElementById("passkey-error");
  if (place) { place.hidden = false; event.preventDefault(); }
});

if ("serviceWorker" in navigator) {
  navigator.serviceWorker.register("/sw.js").catch(() => {});
}

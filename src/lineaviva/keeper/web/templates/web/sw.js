"use strict";
/* Keeps the shell and the last list of lines, for reading without a network.

   Only the page at "/" of a signed-in reader is kept, under a mark of who that reader is. The first page that arrives
   for another reader, or for nobody, throws it away: a phone that is handed on shows nothing of the one before. */

const SHELL = "shell-VERSION";
const LIST = "list";
const FILES = SHELL_FILES;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((name) => name !== SHELL && name !== LIST).map((name) => caches.delete(name))))
      .then(() => self.clients.claim())
  );
});

async function remember(request, response) {
  const reader = response.headers.get("X-Lineaviva-Reader");
  if (reader === null) return;
  const kept = await (await caches.open(LIST)).match("/");
  if (!reader || (kept && kept.headers.get("X-Lineaviva-Reader") !== reader)) await caches.delete(LIST);
  if (reader && new URL(request.url).pathname === "/" && response.ok && !response.redirected) {
    await (await caches.open(LIST)).put("/", response);
  }
}

async function saved() {
  const kept = await (await caches.open(LIST)).match("/");
  const page = kept || await (await caches.open(SHELL)).match("/offline/");
  if (!page) return Response.error();
  const text = await page.text();
  return new Response(text.replace("<html ", '<html data-offline="saved" '), {
    headers: {
      "Content-Type": "text/html; charset=utf-8",
      "Content-Security-Policy": page.headers.get("Content-Security-Policy") || "default-src 'self'",
    },
  });
}

async function page(event) {
  try {
    const response = await fetch(event.request);
    event.waitUntil(remember(event.request, response.clone()));
    return response;
  } catch {
    return saved();
  }
}

async function file(request) {
  const kept = await (await caches.open(SHELL)).match(request);
  return kept || fetch(request);
}

self.addEventListener("fetch", (event) => {
  const request = event.request;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (request.mode === "navigate") event.respondWith(page(event));
  else if (url.pathname.startsWith("/static/web/")) event.respondWith(file(request));
});

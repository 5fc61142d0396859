// Talking to the server: JSON with seeds that are longer than numbers of JavaScript, a key where one is needed, what
// goes wrong in plain words, and server-sent events.

import { byId } from "./dom.js";

const KEY = "diptych.key";
const SOON_MS = 300;
const LATE_MS = 2_000;
const SILENT_MS = 45_000; // a server that has nothing to tell says so three times in it

/** What the server refused, in its words. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** What is said where the server does not answer; once it does, nobody need read it. */
export const NO_ANSWER = "The server does not answer. Is it still running?";

let asking = null;
let answers = () => {};

/** Who is told whenever the server answers, whatever it says. */
export const whenItAnswers = (f) => (answers = f);

/** Ask for the key once, however many requests wait for it. */
function askForKey(wasWrong) {
  asking ??= new Promise((done) => {
    const dialog = byId("key-dialog");
    byId("key").value = "";
    byId("key-wrong").hidden = !wasWrong;
    dialog.addEventListener("close", () => {
      sessionStorage.setItem(KEY, byId("key").value.trim());
      asking = null;
      done();
    }, { once: true });
    dialog.showModal();
    byId("key").focus();
  });
  return asking;
}

/** The answer to a request; a key is asked for where the server wants one. */
async function answered(path, options = {}) {
  for (;;) {
    const key = sessionStorage.getItem(KEY);
    const headers = { ...options.headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) };
    let response;
    try {
      response = await fetch(path, { ...options, headers });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new Refused(0, NO_ANSWER);
    }
    answers();
    if (response.status !== 401) return response;
    if (sessionStorage.getItem(KEY) === key) await askForKey(key !== null); // else another one is there by now
  }
}

/** Long whole numbers as text: JSON has them exactly, numbers of JavaScript do not. Inside text a quote has a
 * backslash before it, so that nothing is changed there. */
const parsed = (text) => JSON.parse(text.replace(/"seed": ?(\d{16,})/g, '"seed":"$1"'));

export async function ask(path, { body, raw = body && JSON.stringify(body), method = raw ? "POST" : "GET", signal } = {}) {
  const headers = raw ? { "Content-Type": "application/json" } : {};
  const response = await answered(path, { method, body: raw, headers, signal });
  const text = await response.text().catch(() => {
    throw new Refused(0, NO_ANSWER); // it went away while it answered
  });
  if (response.ok) return text ? parsed(text) : null;
  throw new Refused(response.status, sentence(reason(text, response.status)));
}

function reason(text, status) {
  try {
    return JSON.parse(text).error.message;
  } catch {
    return `The server answered with status ${status}`;
  }
}

export const sentence = (text) => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

/** Follow server-sent events until they end, the server falls silent, or `signal` says so; `tell(kind, data)` hears
 * each, `there()` that from now on nothing is missed. */
export async function follow(path, tell, { signal, there } = {}) {
  const silent = new AbortController();
  const response = await answered(path, { signal: signal ? AbortSignal.any([signal, silent.signal]) : silent.signal });
  if (!response.ok) throw new Refused(response.status, sentence(reason(await response.text(), response.status)));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const timer = setTimeout(() => silent.abort(), SILENT_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(timer));
    if (done) return;
    there?.();
    there = null;
    text += value;
    const events = text.split("\n\n");
    text = events.pop();
    for (const event of events) {
      const found = /^event: (.*)\ndata: ([\s\S]*)$/.exec(event);
      if (found) tell(found[1], parsed(found[2]));
    }
  }
}

/** Do something again and again, until it says that it is done: the server may be away for a while. What is tried
 * in vain is tried later and later; `well()`, which it is given, says that it is not in vain. */
export async function persistently(step, { signal } = {}) {
  for (let wait = SOON_MS; !signal?.aborted; wait = Math.min(2 * wait, LATE_MS)) {
    if (await step(() => (wait = SOON_MS))) return;
    await passed(wait);
  }
}

/** After so long, or once there is a reason to look again: the page is turned to, or the network is back. */
function passed(wait) {
  return new Promise((done) => {
    const over = () => {
      clearTimeout(timer);
      removeEventListener("online", over);
      document.removeEventListener("visibilitychange", over);
      done();
    };
    const timer = setTimeout(over, wait);
    addEventListener("online", over);
    document.addEventListener("visibilitychange", over);
  });
}

/** Follow for as long as the page is there, begun again where it breaks off; `again(there)` hears of either. */
export function followForever(path, tell, again) {
  return persistently(async (well) => {
    try {
      await follow(path, tell, { there: () => (well(), again(true)) });
    } catch {
      // the server has gone, perhaps for a moment
    }
    again(false);
  });
}

/** A whole number of any length in JSON: seeds go out as they came in. */
export function withSeeds(body) {
  return JSON.stringify(body).replace(/"seed":"(\d{1,20})"/g, '"seed":$1');
}

export async function base64Of(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}

export async function blobOf(path) {
  const response = await answered(path);
  if (!response.ok) throw new Refused(response.status, "The picture is not there any more.");
  return response.blob();
}

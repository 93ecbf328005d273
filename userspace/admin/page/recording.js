// What the page knows of a recording, and how it gets more of it: the description, the events, and where each fragment
// of the video lies and when it is shown. Everything is fetched by ranges, and asked for again while the session lasts.
//
// Units: milliseconds since the recording began, bytes.
import { boxes, readHeader, readMoof } from "./boxes.js";

export class Refused extends Error {
  constructor(status, what, wait) {
    super(what);
    this.status = status;
    this.wait = wait;
  }
}

const headBytes = 1024;
const headerBytes = 8192;
const scansAtOnce = 4;

export async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", cache: "no-store", redirect: "error", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "The gateway cannot be reached.");
  }
  if (response.ok || response.status === 416) return response;
  const body = await response.json().catch(() => null);
  const what = body && body.error ? body.error.what : "The gateway answered " + response.status + ".";
  throw new Refused(response.status, what, Number(response.headers.get("Retry-After")) || 0);
}

// The lines of a file that grows: each whole one is handed out once.
class Lines {
  constructor(path) {
    this.path = path;
    this.offset = 0;
    this.rest = "";
    this.decoder = new TextDecoder();
  }
  async more() {
    const response = await ask(this.path, { headers: { Range: "bytes=" + this.offset + "-" } });
    if (response.status === 416) return [];
    const bytes = await response.arrayBuffer();
    this.offset += bytes.byteLength;
    const lines = (this.rest + this.decoder.decode(bytes, { stream: true })).split("\n");
    this.rest = lines.pop();
    const values = [];
    for (const line of lines) {
      try {
        const value = JSON.parse(line);
        if (value && typeof value === "object") values.push(value);
      } catch {
        // A line that is none is left out.
      }
    }
    return values;
  }
}

export class Recording {
  constructor(id) {
    this.id = id;
    this.place = "/v1/recordings/" + id;
    this.about = null;
    this.events = [];
    this.fragments = [];  // {file, offset, length, from, to, head}; `from` is null until its head has been read
    this.waiting = [];    // fragments whose time nobody knows yet
    this.parts = new Map();  // file → {header, shift}
    this.eventLines = new Lines(this.place + "/files/events.jsonl");
    this.pieceLines = null;
    this.asked = 0;
  }

  get growing() {
    return this.about !== null && this.about.growing;
  }
  // Where it begins to show something.
  get first() {
    return this.fragments.length ? this.fragments[0].from : 0;
  }
  // How far it goes by now.
  get end() {
    const known = this.fragments.length ? this.fragments[this.fragments.length - 1].to : 0;
    const told = Math.max(known, this.about ? this.about.duration_ms : 0);
    if (!this.growing || this.about.elapsed_ms === null) return told;
    return Math.max(told, this.about.elapsed_ms + (performance.now() - this.asked));
  }

  // Everything that is new. True: something was.
  async refresh() {
    const before = this.events.length + this.fragments.length;
    const about = await (await ask(this.place)).json();
    this.asked = performance.now();
    if (this.about === null) this.about = about;
    await this.refreshEvents();
    await this.refreshPieces(about);
    // Only now: what has ended is here as a whole.
    this.about = about;
    return this.events.length + this.fragments.length !== before;
  }

  async refreshEvents() {
    for (const event of await this.eventLines.more()) {
      if (typeof event.t === "number" && typeof event.event === "string") this.takeEvent(event);
    }
  }
  takeEvent(event) {
    event.number = this.events.length;
    this.events.push(event);
    // They come in order, but for those of two threads in the same moment.
    for (let i = this.events.length - 1; i > 0 && this.events[i - 1].t > this.events[i].t; --i) {
      [this.events[i - 1], this.events[i]] = [this.events[i], this.events[i - 1]];
    }
    if (event.event === "picture" && typeof event.file === "string") this.part(event.file).began = event.t;
  }

  part(file) {
    if (!this.parts.has(file)) this.parts.set(file, { header: null, began: null });
    return this.parts.get(file);
  }

  // index.jsonl says where fragments are and when; without one chain.jsonl says where, and each says itself when.
  async refreshPieces(about) {
    if (this.pieceLines === null) {
      this.indexed = about.files.some((file) => file.name === "index.jsonl");
      if (!about.files.some((file) => file.name === "000.mp4")) return;
      this.pieceLines = new Lines(this.place + "/files/" + (this.indexed ? "index.jsonl" : "chain.jsonl"));
    }
    for (const piece of await this.pieceLines.more()) {
      if (typeof piece.file !== "string" || !/^[0-9]{3,}\.mp4$/.test(piece.file)) continue;
      if (!Number.isSafeInteger(piece.offset) || !Number.isSafeInteger(piece.length)) continue;
      const fragment = { file: piece.file, offset: piece.offset, length: piece.length, from: null, to: null, head: null };
      if (this.indexed && typeof piece.from === "number" && typeof piece.to === "number") {
        fragment.from = piece.from;
        fragment.to = piece.to;
        this.fragments.push(fragment);
      } else {
        this.waiting.push(fragment);
      }
    }
    await this.scan();
  }

  // Reads the heads of fragments without a time, a few at once, in their order.
  async scan() {
    while (this.waiting.length) {
      const some = this.waiting.slice(0, scansAtOnce);
      for (const { file } of some) {
        await this.header(file);
        if (this.part(file).began === null) await this.refreshEvents();
      }
      await Promise.all(some.map((each) => this.head(each)));
      this.waiting.splice(0, some.length);
      for (const each of some) {
        if (!each.head || !each.head.samples.length) continue;  // a file's end has none
        each.from = each.head.samples[0].at;
        each.to = each.head.samples[each.head.samples.length - 1].at;
        this.fragments.push(each);
      }
      if (this.onScanned) this.onScanned();
    }
  }

  async bytes(file, offset, length, signal) {
    const range = { Range: "bytes=" + offset + "-" + (offset + length - 1) };
    const response = await ask(this.place + "/files/" + file, { headers: range, signal });
    if (response.status !== 206) throw new Error("the gateway has not what the recording's list says");
    return new Uint8Array(await response.arrayBuffer());
  }

  async header(file) {
    const part = this.part(file);
    if (!part.header) {
      part.header = readHeader(await this.bytes(file, 0, headerBytes));
      if (!part.header) throw new Error("the beginning of " + file + " is not understood");
    }
    return part.header;
  }

  // The samples of a fragment, each with the moment `at` which it is shown; and where their data begins in the piece.
  parse(fragment, bytes) {
    const part = this.part(fragment.file);
    const { header } = part;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let moof = null;
    for (const box of boxes(view)) {
      if (box.type === "moof" && !box.whole) return null;
      if (box.type === "moof") moof = readMoof(view, box, header);
      if (box.type !== "mdat" || !moof) continue;
      // Each file counts from its own first picture. When a fragment begins the index says; without one the event of
      // the moment when its file began.
      const tick = 1000 / header.timescale;
      const begin = this.indexed ? fragment.from : (part.began || 0) + moof.time * tick;
      for (const sample of moof.samples) sample.at = begin + (sample.time - moof.time) * tick;
      return { samples: moof.samples, data: box.body };
    }
    return moof ? null : { samples: [], data: 0 };
  }

  async head(fragment) {
    if (fragment.head) return fragment.head;
    await this.header(fragment.file);
    let length = fragment.offset === 0 ? headerBytes : headBytes;
    while (!fragment.head) {
      length = Math.min(length, fragment.length);
      fragment.head = this.parse(fragment, await this.bytes(fragment.file, fragment.offset, length));
      if (length === fragment.length) break;
      length *= 8;
    }
    return fragment.head;
  }

  // {header, samples, data}: to be played.
  async load(fragment, signal) {
    const header = await this.header(fragment.file);
    const bytes = await this.bytes(fragment.file, fragment.offset, fragment.length, signal);
    fragment.head = this.parse(fragment, bytes);
    if (!fragment.head) throw new Error("a piece of " + fragment.file + " is not understood");
    return { header, samples: fragment.head.samples, data: bytes.subarray(fragment.head.data) };
  }

  // The number of the last fragment that begins at `time` or before.
  at(time) {
    let low = 0;
    let high = this.fragments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.fragments[middle].from <= time) low = middle;
      else high = middle - 1;
    }
    return low;
  }
  // From where a player must begin to show what is seen at `time`: {number, sample}.
  async entry(time) {
    for (let number = this.at(time); number >= 0; --number) {
      const head = await this.head(this.fragments[number]);
      if (!head) continue;
      for (let sample = head.samples.length - 1; sample >= 0; --sample) {
        if (head.samples[sample].sync && (head.samples[sample].at <= time + 1 || number === 0)) return { number, sample };
      }
    }
    return { number: 0, sample: 0 };
  }

  // Stretches in which nothing happens for longer than `least`: [{from, to}].
  idle(least) {
    const active = this.fragments.map(({ from, to }) => [from, to]);
    for (const event of this.events) active.push([event.t, event.t]);
    active.sort((a, b) => a[0] - b[0]);
    const stretches = [];
    let until = this.first;
    for (const [from, to] of active) {
      if (from - until > least) stretches.push({ from: until, to: from });
      until = Math.max(until, to);
    }
    if (!this.growing && this.end - until > least) stretches.push({ from: until, to: this.end });
    return stretches;
  }
}

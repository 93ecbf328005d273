// MP4 as recordings have it (ISO/IEC 14496-12): one track of H.264 in fragments (moof, mdat). Reads headers and
// fragments, and makes fragments anew with the times that a player needs: a recording has a picture only where
// something changed, and a picture is shown until the next one comes.
//
// Units: those of the track ("ticks", header.timescale a second).

const textOf = (view, at) => String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));

// The boxes from `start` to `end`; the last one may be cut off ({whole: false}).
export function* boxes(view, start = 0, end = view.byteLength) {
  let at = start;
  while (at + 8 <= end) {
    let size = view.getUint32(at);
    let head = 8;
    if (size === 1 && at + 16 <= end) {
      size = Number(view.getBigUint64(at + 8));
      head = 16;
    }
    if (size < head) throw new Error("the video has a box without an end");
    yield { type: textOf(view, at + 4), start: at, body: at + head, end: at + size, whole: at + size <= end };
    at += size;
  }
}

function find(view, box, ...path) {
  for (const type of path) {
    let found = null;
    for (const child of boxes(view, box.body, Math.min(box.end, view.byteLength))) {
      if (child.type === type) {
        found = child;
        break;
      }
    }
    if (!found) return null;
    box = found;
  }
  return box;
}

const hex = (byte) => byte.toString(16).padStart(2, "0");

// The beginning of a file: what a player must have first. Null: it is not all there yet.
export function readHeader(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const box of boxes(view)) {
    if (box.type !== "moov") continue;
    if (!box.whole) return null;
    const media = find(view, box, "trak", "mdia");
    const times = find(view, media, "mdhd");
    const timescale = view.getUint32(times.body + (view.getUint8(times.body) === 1 ? 20 : 12));
    const description = find(view, media, "minf", "stbl", "stsd");
    const entry = { body: description.body + 8 + 8 + 78, end: description.end };  // of the first sample entry (8.5.2)
    const configuration = find(view, entry, "avcC");
    if (!configuration) throw new Error("the video is not H.264");
    const track = find(view, box, "trak", "tkhd");
    const defaults = find(view, box, "mvex", "trex");
    return {
      init: bytes.slice(0, box.end),
      timescale,
      track: view.getUint32(track.body + (view.getUint8(track.body) === 1 ? 20 : 12)),
      codec: "avc1." + [1, 2, 3].map((i) => hex(view.getUint8(configuration.body + i))).join(""),
      defaults: {
        duration: view.getUint32(defaults.body + 12),
        size: view.getUint32(defaults.body + 16),
        flags: view.getUint32(defaults.body + 20),
      },
    };
  }
  return null;
}

// Of a moof: {time, samples: [{time, duration, size, flags, shift, sync}]}.
export function readMoof(view, moof, header) {
  const traf = find(view, moof, "traf");
  const head = find(view, traf, "tfhd");
  const flags = view.getUint32(head.body) & 0xffffff;
  const usual = { ...header.defaults };
  let at = head.body + 8;
  if (flags & 0x1) at += 8;
  if (flags & 0x2) at += 4;
  for (const [bit, name] of [[0x8, "duration"], [0x10, "size"], [0x20, "flags"]]) {
    if (!(flags & bit)) continue;
    usual[name] = view.getUint32(at);
    at += 4;
  }
  const decode = find(view, traf, "tfdt");
  let time = view.getUint8(decode.body) === 1 ? Number(view.getBigUint64(decode.body + 4)) : view.getUint32(decode.body + 4);
  const fragment = { time, samples: [] };
  for (const run of boxes(view, traf.body, traf.end)) {
    if (run.type !== "trun") continue;
    const has = view.getUint32(run.body) & 0xffffff;
    const count = view.getUint32(run.body + 4);
    at = run.body + 8;
    if (has & 0x1) at += 4;
    let first = null;
    if (has & 0x4) {
      first = view.getUint32(at);
      at += 4;
    }
    const take = (bit, otherwise) => {
      if (!(has & bit)) return otherwise;
      at += 4;
      return view.getUint32(at - 4);
    };
    for (let i = 0; i < count; ++i) {
      const sample = { time, duration: take(0x100, usual.duration), size: take(0x200, usual.size) };
      sample.flags = take(0x400, i === 0 && first !== null ? first : usual.flags);
      sample.shift = take(0x800, 0) | 0;
      sample.sync = (sample.flags & 0x10000) === 0;  // sample_is_non_sync_sample (8.8.3.1)
      time += sample.duration;
      fragment.samples.push(sample);
    }
  }
  return fragment;
}

class Writer {
  constructor(size) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
    this.at = 0;
  }
  word(...values) {
    for (const value of values) {
      this.view.setUint32(this.at, value >>> 0);
      this.at += 4;
    }
  }
  long(value) {
    this.view.setBigUint64(this.at, BigInt(value));
    this.at += 8;
  }
  box(size, type) {
    this.word(size);
    for (let i = 0; i < 4; ++i) this.bytes[this.at++] = type.charCodeAt(i);
  }
}

// A fragment of these samples, beginning at `time`; `data` is what their sizes add up to.
export function makeFragment(number, track, time, samples, data) {
  const run = 8 + 4 + 4 + 4 + samples.length * 16;
  const traf = 8 + 16 + 20 + run;
  const moof = 8 + 16 + traf;
  const out = new Writer(moof + 8 + data.byteLength);
  out.box(moof, "moof");
  out.box(16, "mfhd");
  out.word(0, number);
  out.box(traf, "traf");
  out.box(16, "tfhd");
  out.word(0x020000, track);  // default-base-is-moof
  out.box(20, "tfdt");
  out.word(0x01000000);
  out.long(time);
  out.box(run, "trun");
  out.word(0x01000f01, samples.length, moof + 8);
  for (const sample of samples) out.word(sample.duration, sample.size, sample.flags, sample.shift);
  out.box(8 + data.byteLength, "mdat");
  out.bytes.set(data, out.at);
  return out.bytes;
}

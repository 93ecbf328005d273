// Feeds a recording to a <video> (Media Source Extensions, W3C): from the key frame before where it is to play, as far
// ahead as is needed, and what comes new as it comes. Each picture lasts until the next one; the last one of a recording
// that goes on lasts very long, and what comes later cuts it short.
import { makeFragment } from "./boxes.js";

const aheadSeconds = 20;      // at normal speed
const behindSeconds = 60;     // then it is given back
const veryLong = 6 * 3600;    // seconds
const pollMilliseconds = 150;

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

export class Feed {
  constructor(video, recording, onFault) {
    this.video = video;
    this.recording = recording;
    this.onFault = onFault;
    this.from = 0;   // what is in the buffer, in milliseconds: from here
    this.until = 0;  // to here
    this.next = 0;   // fragment
    this.skip = 0;   // samples of it that cannot be shown, for their key frame is missing
    this.made = 0;
    this.file = "";
    this.wanted = null;
    this.aborter = new AbortController();
  }

  async open() {
    const { codec } = await this.recording.header(this.recording.fragments[0].file);
    const type = 'video/mp4; codecs="' + codec + '"';
    if (!("MediaSource" in window) || !MediaSource.isTypeSupported(type)) {
      throw new Error("This browser cannot play H.264 (" + codec + ").");
    }
    this.source = new MediaSource();
    const opened = new Promise((done) => this.source.addEventListener("sourceopen", done, { once: true }));
    this.video.src = URL.createObjectURL(this.source);
    await opened;
    URL.revokeObjectURL(this.video.src);
    this.buffer = this.source.addSourceBuffer(type);
    this.seek(this.recording.first);
    this.run();
  }

  // Plays on from `time` (milliseconds).
  seek(time) {
    this.wanted = time;
    if (time >= this.from && time < this.until && !this.refilling) {
      this.wanted = null;
    } else {
      this.aborter.abort();
    }
    this.video.currentTime = (time + 1) / 1000;
  }

  async run() {
    while (!this.closed) {
      try {
        if (this.wanted !== null) await this.begin();
        if (!(await this.feed())) await pause(pollMilliseconds);
        this.failures = 0;
      } catch (error) {
        if (error.name === "AbortError") continue;
        this.onFault(error);
        if (error.status === undefined && (this.failures = (this.failures || 0) + 1) > 3) return;
        await pause(2000);
      }
    }
  }

  async settled() {
    if (this.buffer.updating) await new Promise((done) => this.buffer.addEventListener("updateend", done, { once: true }));
  }

  async begin() {
    this.refilling = true;
    const time = this.wanted;
    const entry = await this.recording.entry(time);
    if (this.wanted !== time) return;
    await this.settled();
    if (this.source.readyState === "open") this.buffer.abort();
    if (this.buffer.buffered.length) this.buffer.remove(0, Infinity);
    await this.settled();
    this.wanted = null;
    this.refilling = false;
    this.aborter = new AbortController();
    this.next = entry.number;
    this.skip = entry.sample;
    this.from = this.until = this.recording.fragments[entry.number].head.samples[entry.sample].at;
    this.file = "";
  }

  // One fragment more, if it is needed. False: not now.
  async feed() {
    const { fragments } = this.recording;
    const now = this.video.currentTime * 1000;
    if (this.next >= fragments.length) return false;
    const ahead = aheadSeconds * 1000 * Math.max(1, this.video.playbackRate);
    if (this.until !== Infinity && this.until > now + ahead) return false;
    const { wanted } = this;
    const number = this.next;
    const loaded = await this.recording.load(fragments[number], this.aborter.signal);
    if (this.wanted !== wanted) return true;
    await this.append(number, loaded);
    this.next = number + 1;
    this.skip = 0;
    await this.giveBack(now);
    if (this.next === fragments.length && !this.recording.growing && this.source.readyState === "open") this.source.endOfStream();
    return true;
  }

  async append(number, { header, samples, data }) {
    const { fragments, growing, end } = this.recording;
    const ticks = (milliseconds) => Math.round((milliseconds * header.timescale) / 1000);
    const following = fragments[number + 1];
    const last = samples[samples.length - 1].at;
    const until = following ? following.from : growing ? last + veryLong * 1000 : Math.max(end, last + 200);
    let dropped = 0;
    for (const sample of samples.slice(0, this.skip)) dropped += sample.size;
    const shown = samples.slice(this.skip);
    const times = shown.map((sample) => ticks(sample.at));
    times.push(Math.max(ticks(until), times[times.length - 1] + 1));
    shown.forEach((sample, i) => (sample.duration = Math.max(1, times[i + 1] - times[i])));
    const size = shown.reduce((sum, sample) => sum + sample.size, 0);
    const plain = shown.map((sample) => ({ ...sample, shift: 0 }));
    if (this.file !== fragments[number].file) {
      const type = 'video/mp4; codecs="' + header.codec + '"';
      if (this.file !== "" || this.made > 0) this.buffer.changeType(type);
      await this.add(header.init);
      this.file = fragments[number].file;
    }
    await this.add(makeFragment(++this.made, header.track, times[0], plain, data.subarray(dropped, dropped + size)));
    this.until = following || !growing ? until : Infinity;
  }

  async add(bytes) {
    await this.settled();
    try {
      this.buffer.appendBuffer(bytes);
    } catch (error) {
      if (error.name !== "QuotaExceededError") throw error;
      await this.giveBack(this.video.currentTime * 1000, 5);
      this.buffer.appendBuffer(bytes);
    }
    await this.settled();
    if (this.video.error) throw new Error("The video cannot be played: " + this.video.error.message);
  }

  // Up to a key frame: what a browser keeps must begin with one.
  async giveBack(now, seconds = behindSeconds) {
    if (now - this.from < 2 * seconds * 1000) return;
    const entry = await this.recording.entry(now - seconds * 1000);
    const key = this.recording.fragments[entry.number].head.samples[entry.sample].at;
    if (key <= this.from) return;
    await this.settled();
    this.buffer.remove(0, (key - 1) / 1000);
    await this.settled();
    this.from = key;
  }
}

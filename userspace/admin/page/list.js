// The list of events: their words, the search, and which one it is just now.
const atOnce = 500;  // lines; more are shown when asked for

const names = {
  start: "Recording begins",
  active: "Desktop shown",
  channel: "Channel",
  picture: "Picture",
  redirection: "Redirection",
  end: "Session ends",
  key: "Key",
  keys: "Keys",
  click: "Click",
  pointer: "Pointer",
  clipboard: "Clipboard",
  file: "File",
  title: "Window",
  logon: "Logon",
};

const texts = {
  start: (event) => "session " + event.session,
  active: (event) => event.width + " × " + event.height,
  channel: (event) => event.name + (event.opened ? " opened" : " refused"),
  picture: (event) => event.width + " × " + event.height,
  redirection: (event) => "to " + event.target,
  end: (event) => [event.reason, event.detail].filter(Boolean).join(": ").replaceAll("_", " "),
};

const plain = (value) => (value !== null && typeof value === "object" ? JSON.stringify(value) : String(value));

export function nameOf(event) {
  if (names[event.event]) return names[event.event];
  const words = event.event.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function textOf(event) {
  if (texts[event.event]) return texts[event.event](event);
  return Object.entries(event)
    .filter(([key]) => !["t", "event", "number"].includes(key))
    .map(([key, value]) => key.replaceAll("_", " ") + ": " + plain(value))
    .join(", ");
}

// "1:02:03"
export function clock(milliseconds) {
  const seconds = Math.max(0, Math.floor((milliseconds + 50) / 1000));
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  return (hours ? hours + ":" + two(Math.floor(seconds / 60) % 60) : Math.floor(seconds / 60)) + ":" + two(seconds % 60);
}

export class EventList {
  // `count`: an element that says how many there are. `jump`: called with the event that was chosen.
  constructor(list, count, more, jump) {
    this.list = list;
    this.count = count;
    this.more = more;
    this.jump = jump;
    this.events = [];
    this.words = [];
    this.lines = [];
    this.limit = atOnce;
    list.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) jump(this.lines[Number(button.dataset.line)].event);
    });
    list.addEventListener("keydown", (event) => this.walk(event));
    more.addEventListener("click", () => {
      this.limit *= 4;
      this.show(this.events);
    });
  }

  search(text) {
    this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.limit = atOnce;
    this.show(this.events);
  }

  matches(event) {
    if (!this.words.length) return true;
    const text = (nameOf(event) + " " + textOf(event)).toLowerCase();
    return this.words.every((word) => text.includes(word));
  }

  show(events) {
    this.events = events;
    const found = events.filter((event) => this.matches(event));
    const shown = found.slice(0, this.limit);
    const same = this.lines.length <= shown.length && this.lines.every((line, i) => line.event === shown[i]);
    if (!same) {
      this.lines = [];
      this.list.replaceChildren();
    }
    const added = document.createDocumentFragment();
    for (const event of shown.slice(this.lines.length)) added.append(this.line(event));
    this.list.append(added);
    this.more.hidden = found.length <= this.limit;
    this.count.textContent = this.words.length
      ? found.length + " of " + events.length + " events"
      : events.length + (events.length === 1 ? " event" : " events");
    this.here = null;
    this.follow(this.time || 0);
  }

  line(event) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.line = this.lines.length;
    button.dataset.kind = event.event;
    for (const [kind, text] of [["time", clock(event.t)], ["name", nameOf(event)], ["text", textOf(event)]]) {
      const part = document.createElement("span");
      part.className = kind;
      part.textContent = text;
      button.append(part, " ");
    }
    item.append(button);
    this.lines.push({ event, button });
    return item;
  }

  // Arrows go from line to line.
  walk(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const button = event.target.closest("button");
    if (!step || !button) return;
    event.preventDefault();
    event.stopPropagation();
    const next = this.lines[Number(button.dataset.line) + step];
    if (next) next.button.focus();
  }

  // Marks the last event before `time`.
  follow(time) {
    this.time = time;
    let here = null;
    for (const line of this.lines) {
      if (line.event.t > time + 50) break;
      here = line.button;
    }
    if (here === this.here) return;
    if (this.here) this.here.removeAttribute("aria-current");
    this.here = here;
    if (!here) return;
    here.setAttribute("aria-current", "true");
    // Not while somebody reads or walks in it.
    if (this.list.matches(":hover") || this.list.contains(document.activeElement)) return;
    const box = here.parentElement;
    const top = box.offsetTop - this.list.offsetTop;
    if (top < this.list.scrollTop || top + box.offsetHeight > this.list.scrollTop + this.list.clientHeight) {
      this.list.scrollTop = top - this.list.clientHeight / 2;
    }
  }
}

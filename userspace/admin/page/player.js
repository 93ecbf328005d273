// The page that plays a recording: who watches, the controls, and what keeps them in step with video and events.
import { Feed } from "./feed.js";
import { EventList, clock } from "./list.js";
import { drawMarks } from "./marks.js";
import { Recording, Refused, ask } from "./recording.js";

const longestIdle = 3000;     // milliseconds, that "skip idle" leaves
const beforeAgain = 500;      // of them before something happens again
const behindLive = 3000;      // a fragment is on the disk two seconds after its first picture
const refreshEvery = 1500;
const step = 10000;

const element = (id) => document.getElementById(id);
const video = element("video");
const id = location.pathname.split("/").pop();

let recording = null;
let feed = null;
let idle = [];
const list = new EventList(element("list"), element("count"), element("more"), (event) => jump(event.t));
let refresher = 0;
let wish = null;  // what was asked for before there was anything to play: a source that opens ends what plays

const now = () => video.currentTime * 1000;
const edge = () => (recording.growing ? Math.max(recording.first, recording.end - behindLive) : recording.end);

function say(text) {
  element("said").textContent = text;
}
function notice(text) {
  element("notice").hidden = !text;
  element("notice").textContent = text;
}

// Who is watching.
function askForToken(text) {
  stop();
  element("player").hidden = true;
  element("leave").hidden = true;
  element("state").hidden = true;
  element("login").hidden = false;
  // Nothing of what was shown stays for whoever comes next.
  element("about").textContent = "";
  list.show([]);
  notice(text);
  element("token").focus();
}

function explain(refusal) {
  if (refusal.status === 401) return "This token is not valid.";
  if (refusal.status === 403) return "This token may not watch recordings: that needs the role operator or admin.";
  if (refusal.status === 429) return "Too many wrong tokens came from here. Wait " + (refusal.wait || 12) + " seconds.";
  const text = refusal.message || "Something went wrong.";
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

element("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = element("token");
  const token = field.value.trim();
  field.value = "";
  if (!/^[\x21-\x7e]+$/.test(token)) return notice(explain({ status: 401 }));
  try {
    await ask("/v1/login", { method: "POST", headers: { Authorization: "Bearer " + token } });
  } catch (refusal) {
    return askForToken(explain(refusal));
  }
  notice("");
  element("login").hidden = true;
  begin();
});

element("leave").addEventListener("click", async () => {
  await ask("/v1/logout", { method: "POST" }).catch(() => {});
  askForToken("");
});

// Faults in words; without a login back to the question.
function failed(error) {
  if (error instanceof Refused && error.status === 401) return askForToken(feed ? "The login has ended." : "");
  notice(explain(error));
}

function stop() {
  clearTimeout(refresher);
  if (feed) feed.closed = true;
  feed = null;
  wish = null;
  recording = null;
  video.removeAttribute("src");
  video.load();
}

async function begin() {
  recording = new Recording(id);
  recording.onScanned = () => follow();
  list.show([]);
  await refresh();
}

async function refresh() {
  const mine = recording;
  try {
    const wasGrowing = mine.about === null || mine.growing;
    if (wasGrowing) {
      await mine.refresh();
      if (mine !== recording) return;
      if (!element("notice").dataset.kept) notice("");
      follow();
    }
  } catch (error) {
    if (mine !== recording) return;
    failed(error);
    if (recording === null || mine.about === null) return;
  }
  if (mine.growing) refresher = setTimeout(refresh, refreshEvery);
}

// Shows what is new of the recording, and begins to play when there is something.
function follow() {
  const { about } = recording;
  element("player").hidden = false;
  element("title").textContent = "Recording " + id;
  document.title = "Recording " + id;
  const { session } = about;
  element("about").textContent = session
    ? [session.user + " on " + session.server, "from " + session.client, new Date(session.started).toLocaleString()].join(" · ")
    : "Nothing is known of its session any more.";
  const state = element("state");
  state.hidden = false;
  state.classList.toggle("growing", recording.growing);
  state.textContent = recording.growing ? "still recording" : "complete";
  element("leave").hidden = location.protocol !== "https:";
  element("live").hidden = !recording.growing;
  idle = recording.idle(longestIdle);
  list.show(recording.events);
  if (!feed && recording.fragments.length) {
    feed = new Feed(video, recording, failed);
    const opening = feed;
    opening.open().then(
      () => {
        const asked = wish;
        wish = null;
        if (asked && feed === opening) asked();
      },
      (error) => {
        element("notice").dataset.kept = "yes";
        failed(error);
      },
    );
  }
  if (!recording.fragments.length) say(recording.growing ? "No picture yet." : "This recording has no picture.");
  else if (element("said").textContent.startsWith("No picture")) say("");
  const position = element("position");
  position.min = Math.floor(recording.first);
  position.max = Math.ceil(edge());
  drawMarks(element("marks"), { first: recording.first, end: edge(), idle, events: recording.events });
  tick();
}

// Where it is, and where it must not be: beyond the end, or in a stretch that is to be left out.
function tick() {
  if (!recording || !feed) return;
  const time = now();
  const end = edge();
  // A browser may begin where there is nothing to be seen yet.
  if (video.readyState > 0 && !video.seeking && time < recording.first - 1) return feed.seek(recording.first);
  if (recording.growing) {
    const position = element("position");
    position.max = Math.ceil(end);
    video.playbackRate = time > end - 500 ? Math.min(1, speed()) : speed();
    if (time > end + 1000 && !video.seeking) feed.seek(end);
  } else if (time >= end - 30 && (!video.paused || video.ended)) {
    video.pause();
    feed.seek(end - 40);  // at high speed the last picture may have been passed without being shown
    say("The end.");
  }
  if (element("skip").checked && !video.paused && !video.seeking) {
    const stretch = idle.find(({ from, to }) => time >= from + beforeAgain && time < to - 2 * beforeAgain);
    if (stretch) {
      say("Skipped " + clock(stretch.to - time) + " in which nothing happened.");
      jump(stretch.to === recording.end ? stretch.to - 100 : stretch.to - beforeAgain, false);
    }
  }
  if (!element("position").matches(":active")) element("position").value = time;
  element("position").setAttribute("aria-valuetext", clock(time) + " of " + clock(end));
  element("time").textContent = clock(time) + " / " + clock(end);
  element("waiting").hidden = !(video.seeking || (video.readyState < 3 && !video.paused && time < end - 200));
  list.follow(time);
}

function jump(time, tell = true) {
  if (!feed) return;
  const place = Math.min(Math.max(time, recording.first), Math.max(recording.first, edge() - 20));
  feed.seek(place);
  if (tell) say("At " + clock(place) + ".");
  tick();
}

const speed = () => Number(element("speed").value);
function changeSpeed(by) {
  const select = element("speed");
  select.selectedIndex = Math.min(Math.max(select.selectedIndex + by, 0), select.length - 1);
  setSpeed();
}
function setSpeed() {
  video.defaultPlaybackRate = speed();
  video.playbackRate = speed();
  say("Speed " + element("speed").selectedOptions[0].textContent);
}

const opens = () => !feed || !feed.buffer;
function playOrPause() {
  if (opens()) {
    wish = playOrPause;
    return;
  }
  if (!video.paused) return video.pause();
  if (!recording.growing && now() >= edge() - 150) jump(recording.first);
  video.play().catch((error) => notice("The video cannot be played: " + error.message));
}
function neighbour(direction) {
  const { events } = recording;
  const found = direction > 0 ? events.find(({ t }) => t > now() + 100) : events.findLast(({ t }) => t < now() - 1000);
  if (found) jump(found.t);
}
function goLive() {
  if (opens()) {
    wish = goLive;
    return;
  }
  jump(edge());
  video.play().catch(() => {});
}
function fullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else element("screen").requestFullscreen().catch(() => say("Full screen is not possible here."));
}

element("play").addEventListener("click", playOrPause);
video.addEventListener("click", playOrPause);
element("back").addEventListener("click", () => jump(now() - step));
element("forward").addEventListener("click", () => jump(now() + step));
element("live").addEventListener("click", goLive);
element("full").addEventListener("click", fullScreen);
element("speed").addEventListener("change", setSpeed);
element("position").addEventListener("input", (event) => jump(Number(event.target.value), false));
element("search").addEventListener("input", (event) => list.search(event.target.value));
element("skip").addEventListener("change", (event) => say(event.target.checked ? "Idle stretches are left out." : "Idle stretches are shown."));
for (const name of ["play", "pause"]) {
  video.addEventListener(name, () => (element("play").textContent = video.paused ? "Play" : "Pause"));
}
for (const name of ["timeupdate", "seeked", "waiting", "playing", "seeking", "ended"]) video.addEventListener(name, tick);
video.addEventListener("resize", () => {
  if (video.videoWidth) element("screen").style.aspectRatio = video.videoWidth + " / " + video.videoHeight;
});
window.addEventListener("resize", () => recording && recording.about && follow());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => recording && recording.about && follow());
setInterval(tick, 250);

const keys = {
  " ": playOrPause,
  ArrowLeft: () => jump(now() - step),
  ArrowRight: () => jump(now() + step),
  ",": () => changeSpeed(-1),
  ".": () => changeSpeed(1),
  i: () => element("skip").click(),
  n: () => neighbour(1),
  p: () => neighbour(-1),
  l: () => recording.growing && goLive(),
  f: fullScreen,
  "/": () => element("search").focus(),
};
document.addEventListener("keydown", (event) => {
  if (!recording || !feed || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input:not([type=range]):not([type=checkbox]), select")) return;
  // A button takes its own key, a slider its arrows.
  if (event.target.matches("button, summary, input[type=checkbox]") && event.key === " ") return;
  if (event.target.matches("input[type=range]") && event.key.startsWith("Arrow")) return;
  const act = keys[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

begin();

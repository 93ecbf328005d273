// What the time line shows beside the position: stretches in which nothing happens, and events.
export function drawMarks(canvas, { first, end, idle, events }) {
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (!width || !height) return;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const colours = getComputedStyle(canvas);
  const colour = (name) => colours.getPropertyValue(name).trim();
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  const length = Math.max(1, end - first);
  const place = (time) => ((Math.max(first, time) - first) / length) * width;
  context.fillStyle = colour("--busy");
  context.fillRect(0, 0, width, height);
  context.fillStyle = colour("--idle");
  for (const { from, to } of idle) context.fillRect(place(from), 0, Math.max(1, place(to) - place(from)), height);
  context.fillStyle = colour("--mark");
  for (const event of events) context.fillRect(Math.min(width - 2, place(event.t)), height / 4, 2, height / 2);
}

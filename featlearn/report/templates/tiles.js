/** Pictures that hold many tiles, decoded when first needed. */
const pictures = new Map();

function picture(key) {
  if (!pictures.has(key)) {
    const image = new Image();
    image.src = document.getElementById(key).src;
    pictures.set(key, image.decode().then(() => createImageBitmap(image)));
  }
  return pictures.get(key);
}

/** Where a tile lies in its sheet: left, top, width, height. */
function tilePlace(sheet, index) {
  const column = index % sheet.columns;
  const row = Math.floor(index / sheet.columns);
  return [column * (sheet.width + 1), row * (sheet.height + 1), sheet.width, sheet.height];
}

/** Make the room of a canvas as fine as the screen; give its context. */
function room(canvas, width, height) {
  const scale = Math.min(window.devicePixelRatio || 1, 2);
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  return canvas.getContext("2d");
}

/** Draw part of a sheet, larger pixels with sharp edges. */
function paint(canvas, bitmap, [left, top, width, height], [x, y, across, down]) {
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = across < width * 2 || width > 40;
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, left, top, width, height, x, y, across, down);
}

/** Draw one tile over a whole canvas. */
async function paintTile(canvas, sheet, index, size) {
  const bitmap = await picture(sheet.key);
  const height = Math.max(1, Math.round((size * sheet.height) / sheet.width));
  room(canvas, size, height);
  paint(canvas, bitmap, tilePlace(sheet, index), [0, 0, canvas.width, canvas.height]);
}

/** The part of an image that a unit sees, from the rank of a top image: left, top, width, height. */
function windowOf(stage, unit, rank, kind) {
  const [height, width] = stage.window[0];
  const [top, left] = stage.maps ? stage[`${kind}At`][unit][rank] : stage.corner[unit];
  const [x, across] = within(left, width, stage.run.images.size[1]);
  const [y, down] = within(top, height, stage.run.images.size[0]);
  return [x, y, across, down];
}

/** Cut what is longer than the image at its edges. */
function within(start, length, image) {
  if (length <= image) return [start, length];
  const first = Math.max(start, 0);
  return [first, Math.min(start + length, image) - first];
}

/** Draw an image cropped to a window; what lies outside of it stays grey. */
async function paintCrop(canvas, run, image, [left, top, width, height], size) {
  const sheet = run.images;
  const bitmap = await picture(sheet.key);
  const context = room(canvas, size, (size * height) / width);
  context.fillStyle = "#808080";
  context.fillRect(0, 0, canvas.width, canvas.height);
  const [tileLeft, tileTop] = tilePlace(sheet, image);
  const scale = sheet.width / sheet.size[1];
  const zoom = canvas.width / width;
  const from = [Math.max(left, 0), Math.max(top, 0)];
  const to = [Math.min(left + width, sheet.size[1]), Math.min(top + height, sheet.size[0])];
  const part = [tileLeft + from[0] * scale, tileTop + from[1] * scale, (to[0] - from[0]) * scale, (to[1] - from[1]) * scale];
  paint(canvas, bitmap, part, [(from[0] - left) * zoom, (from[1] - top) * zoom, (to[0] - from[0]) * zoom, (to[1] - from[1]) * zoom]);
}

/** Draw a whole image, with a window marked. */
async function paintWhole(canvas, run, image, [left, top, width, height], size) {
  await paintTile(canvas, run.images, image, size);
  const zoom = canvas.width / run.images.size[1];
  const context = canvas.getContext("2d");
  const [right, bottom] = [Math.min((left + width) * zoom, canvas.width - 1), Math.min((top + height) * zoom, canvas.height - 1)];
  const [x, y] = [Math.max(left * zoom, 1), Math.max(top * zoom, 1)];
  for (const [colour, line] of [["#000000", 4], ["#ffffff", 2]]) {
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.strokeRect(x, y, right - x, bottom - y); // inside, where a window reaches over the edge
  }
}

/** Draw canvases when they come near the window, and forget them when they are far. */
const painters = new WeakMap();
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) painters.get(target)?.();
    else target.width = target.height = 1;
  }
}, { rootMargin: "400px" });

function lazily(canvas, painter) {
  painters.set(canvas, painter);
  watcher.unobserve(canvas);
  watcher.observe(canvas);
}

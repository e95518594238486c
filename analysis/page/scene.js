// One configuration in three dimensions: discs sorted by depth on a plain 2D canvas, so that it runs everywhere, offline.
// The page gives `data` (analysis/page/scene.py): box, types, times, and positions, truth, prediction as base64 float32.
(function () {
  "use strict";
  const data = JSON.parse(document.getElementById("scene-data").textContent);
  const root = document.getElementById("scene");
  const canvas = root.querySelector("canvas");
  const context = canvas.getContext("2d");
  const input = (name) => root.querySelector(`[name=${name}]`);
  const text = (name, value) => { root.querySelector(`[data-text=${name}]`).textContent = value; };

  const N = data.types.length;
  const numbers = (encoded) => new Float32Array(Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0)).buffer);
  const positions = numbers(data.positions); // centred on the box, in sigma
  const truth = numbers(data.truth); // (times, particles)
  const prediction = numbers(data.prediction);
  const RADIUS = [0.5, 0.4]; // of A and B, in sigma
  const LEVELS = data.colours.field.length;
  const SPRITE = 48;
  const FOG = 6;

  const state = { rotation: product(turn(1, 0.5), turn(0, -0.35)), zoom: 1.08, drawn: [], pending: false };

  // 3 x 3 matrices as rows.
  function turn(axis, angle) {
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    return axis === 0 ? [[1, 0, 0], [0, c, -s], [0, s, c]] : [[c, 0, s], [0, 1, 0], [-s, 0, c]];
  }
  function product(a, b) {
    return a.map((row) => [0, 1, 2].map((j) => row[0] * b[0][j] + row[1] * b[1][j] + row[2] * b[2][j]));
  }
  function turned(x, y, z) {
    return state.rotation.map((row) => row[0] * x + row[1] * y + row[2] * z);
  }

  // What is shown: the coloured field, its limits, and which particles are left when the slow ones are hidden.
  function selection() {
    const step = Number(input("time").value);
    const colour = root.querySelector("[name=colour]:checked").value;
    const at = (field, i) => field[step * N + i];
    const value = {
      truth: (i) => at(truth, i),
      prediction: (i) => at(prediction, i),
      error: (i) => at(prediction, i) - at(truth, i),
    }[colour];
    const mobility = colour === "prediction" ? value : (i) => at(truth, i);
    const a = [...data.types.keys()].filter((i) => data.types[i] === 0);
    const hidden = Number(input("slow").value) / 100;
    const sorted = a.map(mobility).sort((x, y) => x - y);
    const least = hidden > 0 ? sorted[Math.min(a.length - 1, Math.floor(hidden * a.length))] : -Infinity;
    const shown = a.filter((i) => mobility(i) >= least);
    if (input("b").checked) data.types.forEach((type, i) => { if (type === 1) shown.push(i); });
    return { step, colour, value, shown, limits: data.limits[colour][step] };
  }

  // Shaded discs, drawn once for each colour and depth and then copied.
  const sprites = new Map();
  function sprite(rgb, fog) {
    const key = rgb + "|" + fog;
    if (!sprites.has(key)) {
      const image = document.createElement("canvas");
      image.width = image.height = SPRITE;
      const brush = image.getContext("2d");
      const pale = (0.55 * fog) / (FOG - 1);
      const mix = (shade) => "rgb(" + rgb.map((c) => {
        const lit = shade > 0 ? c + (255 - c) * shade : c * (1 + shade);
        return Math.round(lit + (255 - lit) * pale);
      }) + ")";
      const middle = SPRITE / 2;
      const gradient = brush.createRadialGradient(0.72 * middle, 0.68 * middle, 0, middle, middle, middle);
      gradient.addColorStop(0, mix(0.38));
      gradient.addColorStop(0.45, mix(0));
      gradient.addColorStop(1, mix(-0.42));
      brush.fillStyle = gradient;
      brush.beginPath();
      brush.arc(middle, middle, middle - 1, 0, 2 * Math.PI);
      brush.fill();
      sprites.set(key, image);
    }
    return sprites.get(key);
  }

  function draw() {
    state.pending = false;
    const ratio = window.devicePixelRatio || 1;
    const size = canvas.clientWidth;
    if (canvas.width !== Math.round(size * ratio)) canvas.width = canvas.height = Math.round(size * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, size, size);
    const half = Math.hypot(...data.box) / 2;
    const eye = 4 * half;
    const unit = (0.5 * size * state.zoom) / half;
    const project = (p) => {
      const scale = (unit * eye) / (eye - p[2]);
      return [size / 2 + p[0] * scale, size / 2 - p[1] * scale, scale];
    };
    const now = selection();
    const palette = data.colours[now.colour === "error" ? "error" : "field"];
    const items = now.shown.map((i) => ({ i, p: turned(positions[3 * i], positions[3 * i + 1], positions[3 * i + 2]) }));
    items.push(...edges());
    items.sort((a, b) => a.p[2] - b.p[2]);
    state.drawn = [];
    for (const item of items) {
      if (item.ends) {
        const [from, to] = item.ends.map(project);
        context.strokeStyle = "#777";
        context.lineWidth = 0.8;
        context.beginPath();
        context.moveTo(from[0], from[1]);
        context.lineTo(to[0], to[1]);
        context.stroke();
        continue;
      }
      const [x, y, scale] = project(item.p);
      const place = (now.value(item.i) - now.limits[0]) / (now.limits[1] - now.limits[0] || 1);
      const level = Math.max(0, Math.min(LEVELS - 1, Math.floor(place * LEVELS)));
      const fog = Math.max(0, Math.min(FOG - 1, Math.round(((half - item.p[2]) / (2 * half)) * (FOG - 1))));
      const radius = RADIUS[data.types[item.i]] * scale;
      const rgb = data.types[item.i] === 0 ? palette[level] : [190, 190, 190];
      context.drawImage(sprite(rgb, fog), x - radius, y - radius, 2 * radius, 2 * radius);
      state.drawn.push([item.i, x, y, radius]);
    }
    legend(now, palette);
    canvas.dataset.particles = state.drawn.length;
  }

  // The twelve edges of the box, each at the depth of its middle.
  function edges() {
    const corner = (k) => turned(...[0, 1, 2].map((axis) => ((k >> axis) & 1 ? 0.5 : -0.5) * data.box[axis]));
    const found = [];
    for (let k = 0; k < 8; k++) {
      for (const bit of [1, 2, 4]) {
        if (k & bit) continue;
        const ends = [corner(k), corner(k | bit)];
        found.push({ ends, p: ends[0].map((value, axis) => (value + ends[1][axis]) / 2) });
      }
    }
    return found;
  }

  function legend(now, palette) {
    const stops = palette.map((rgb) => `rgb(${rgb})`).join(",");
    root.querySelector(".scale").style.background = `linear-gradient(to right,${stops})`;
    text("low", now.limits[0].toPrecision(2));
    text("high", now.limits[1].toPrecision(2));
    text("quantity", { truth: "propensity, simulated (σ)", prediction: "propensity, predicted (σ)",
      error: "predicted − simulated (σ)" }[now.colour]);
    text("time", `t = ${data.times[now.step].toPrecision(3)} τ`);
    text("slow", `${input("slow").value} %`);
  }

  function refresh() {
    if (!state.pending) {
      state.pending = true;
      requestAnimationFrame(draw);
    }
  }
  function rotate(right, down) {
    state.rotation = product(turn(0, down), product(turn(1, right), state.rotation));
    refresh();
  }
  function magnify(factor) {
    state.zoom = Math.max(0.5, Math.min(6, state.zoom * factor));
    refresh();
  }

  // The front-most disc under the pointer, in words.
  function describe(event) {
    const frame = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    const hit = state.drawn.findLast((disc) => Math.hypot(disc[1] - x, disc[2] - y) < disc[3]);
    if (!hit) return text("particle", "");
    const [i, step] = [hit[0], Number(input("time").value)];
    const values = data.types[i] === 0
      ? `: simulated ${truth[step * N + i].toFixed(3)} σ, predicted ${prediction[step * N + i].toFixed(3)} σ` : "";
    text("particle", `particle ${i} (${"AB"[data.types[i]]})${values}`);
  }

  // One finger or the mouse rotates; two fingers or the wheel with a modifier key magnify, so that a page still scrolls.
  const pointers = new Map();
  canvas.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, event);
    try { canvas.setPointerCapture(event.pointerId); } catch { /* a pointer made by a script cannot be captured */ }
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return describe(event);
    const other = [...pointers.values()].find((pointer) => pointer.pointerId !== event.pointerId);
    if (other) {
      const apart = (pointer) => Math.hypot(pointer.clientX - other.clientX, pointer.clientY - other.clientY);
      magnify(apart(event) / Math.max(apart(before), 1));
    } else {
      rotate((event.clientX - before.clientX) / 120, (event.clientY - before.clientY) / 120);
    }
    pointers.set(event.pointerId, event);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => pointers.delete(event.pointerId));
  }
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.shiftKey) return;
    event.preventDefault();
    magnify(Math.exp(-(event.deltaY || event.deltaX) / 400));
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const act = {
      ArrowLeft: () => rotate(-0.1, 0), ArrowRight: () => rotate(0.1, 0), ArrowUp: () => rotate(0, -0.1),
      ArrowDown: () => rotate(0, 0.1), "+": () => magnify(1.15), "-": () => magnify(1 / 1.15),
    }[event.key];
    if (act) { event.preventDefault(); act(); }
  });
  root.addEventListener("input", refresh);
  window.addEventListener("resize", refresh);
  window.addEventListener("beforeprint", draw);
  draw();
})();

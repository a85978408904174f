// Each check tries one thing on the server and returns what it found, as JSON; test_chromium.py knows what is right.
"use strict";

const PATIENCE_MS = 10_000; // for one check; what takes longer hangs
const BIG = new Uint8Array(8 * 2 ** 20).map((_, index) => (index * 31) >> 3);

function event(target, name) {
  return new Promise((resolve, reject) => {
    target.addEventListener(name, resolve, { once: true });
    target.addEventListener("error", () => reject(new Error(`error instead of ${name}`)), { once: true });
  });
}

async function sha256(data) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function submitted(id) {
  const frame = document.querySelector("iframe");
  document.getElementById(id).submit();
  await event(frame, "load");
  return JSON.parse(frame.contentDocument.body.innerText);
}

async function opened(...protocols) {
  const socket = new WebSocket(`ws://${location.host}/echo`, protocols);
  socket.binaryType = "arraybuffer";
  await event(socket, "open");
  return socket;
}

async function closed(socket) {
  const { code, reason, wasClean } = await event(socket, "close");
  return [code, reason, wasClean];
}

const checks = {
  async fetches() {
    const response = await fetch("/hello");
    return [response.status, await response.text()];
  },

  async fetches_what_is_compressed() {
    const response = await fetch("/text");
    return [response.headers.get("Content-Encoding"), (await response.text()).length];
  },

  async fetches_what_is_not_there() {
    return (await fetch("/nowhere")).status;
  },

  async fetches_a_file_again() {
    await (await fetch("/files/note.txt", { cache: "no-store" })).text();
    await (await fetch("/files/note.txt")).text(); // into the cache
    return await (await fetch("/files/note.txt", { cache: "no-cache" })).text(); // asks whether that is still good
  },

  async reads_a_stream() {
    const reader = (await fetch("/stream")).body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      text += piece.value;
    }
    return text;
  },

  async posts_json() {
    const response = await fetch("/json", { method: "POST", body: JSON.stringify({ naïve: [1, null] }) });
    return await response.json();
  },

  async posts_much() {
    const response = await fetch("/upload", { method: "POST", body: BIG });
    const [, , digest] = await response.json();
    return digest === (await sha256(BIG));
  },

  async submits_a_form() {
    return await submitted("texts");
  },

  async submits_files() {
    const chosen = new DataTransfer();
    chosen.items.add(new File(["small"], 'Größe "S".txt', { type: "text/plain" }));
    chosen.items.add(new File([BIG], "big", { type: "application/x-big" }));
    document.querySelector("input[type=file]").files = chosen.files;
    const digests = [await sha256(new TextEncoder().encode("small")), await sha256(BIG)];
    const fields = await submitted("files");
    return fields.map((field) => field.map((value) => (digests.includes(value) ? "the same" : value)));
  },

  async is_redirected_after_a_form() {
    const response = await fetch("/form-then-hello", { method: "POST", body: new FormData() });
    return [response.redirected, await response.text()];
  },

  async exchanges_cookies() {
    document.cookie = "own=of the page";
    const first = await (await fetch("/cookies")).json();
    const visible = document.cookie;
    const second = await (await fetch("/cookies")).json();
    return [first, visible, second];
  },

  async asks_for_a_range() {
    const response = await fetch("/files/long.wav", { headers: { Range: "bytes=0-3" } });
    return [response.status, await response.text(), response.headers.get("Content-Range")];
  },

  async seeks_in_a_long_recording() {
    const audio = new Audio("/files/long.wav");
    await event(audio, "loadedmetadata");
    const places = [];
    for (const place of [2000, 500]) {
      audio.currentTime = place;
      await event(audio, "seeked");
      places.push(audio.currentTime);
    }
    return [audio.duration, places];
  },

  async plays_the_end_of_a_long_recording() {
    const audio = new Audio("/files/long.wav");
    await event(audio, "loadedmetadata");
    audio.currentTime = audio.duration - 0.2;
    await audio.play();
    await event(audio, "ended");
    return audio.currentTime === audio.duration;
  },

  async agrees_on_a_websocket() {
    const socket = await opened("unknown", "echo");
    const agreed = [socket.protocol, socket.extensions];
    socket.close(3001);
    return [...agreed, await closed(socket)];
  },

  async echoes_texts() {
    const socket = await opened();
    const sent = ["", "grüße 🎈", ...Array.from({ length: 500 }, (_, number) => `message ${number}`)];
    const came = [];
    const all = new Promise((resolve) => {
      socket.onmessage = ({ data }) => came.push(data) === sent.length && resolve();
    });
    sent.forEach((text) => socket.send(text));
    await all;
    socket.send("close");
    return [came.every((text, index) => text === sent[index]), await closed(socket)];
  },

  async echoes_bytes() {
    const socket = await opened();
    const half = BIG.subarray(0, 2 ** 21);
    socket.send(half);
    const { data } = await event(socket, "message");
    socket.close();
    return [(await sha256(data)) === (await sha256(half)), await closed(socket)];
  },
};

async function outcome(check) {
  const limit = new Promise((_, reject) => setTimeout(() => reject(new Error("too slow")), PATIENCE_MS));
  try {
    return await Promise.race([check(), limit]);
  } catch (error) {
    return String(error);
  }
}

async function run() {
  const findings = {};
  for (const [name, check] of Object.entries(checks)) {
    findings[name] = await outcome(check);
  }
  await fetch("/findings", { method: "POST", body: JSON.stringify(findings) });
}

run();

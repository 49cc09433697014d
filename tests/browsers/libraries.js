// What pages use, each in the way its own documents show for a CORS proxy. A case gives what Python
// holds against what is right.

import FS from "@isomorphic-git/lightning-fs";
import axios from "axios";
import { Buffer } from "buffer";
import { MediaPlayer } from "dashjs";
import Hls from "hls.js";
import git from "isomorphic-git";
import http from "isomorphic-git/http/web";
import $ from "jquery";
import ky from "ky";
import L from "leaflet";
import * as pdfjs from "pdfjs-dist";
import Parser from "rss-parser/dist/rss-parser.min.js";
import superagent from "superagent";
import { createDbWorker } from "sql.js-httpvfs";
import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";
import * as tus from "tus-js-client";

globalThis.Buffer = Buffer; // isomorphic-git asks for it
globalThis.cases = {
  async axios(through) {
    const { data, headers } = await axios.patch(
      `${through}/echo`, { asked: 1 }, { headers: { "X-Key": "k" } });
    return [data.method, data.key, data.body, headers["x-of-target"]];
  },
  async "axios, an error"(through) {
    const failed = await axios.get(`${through}/status/404`).catch((error) => error.response);
    return [failed.status, failed.data];
  },
  async "axios, an upload's progress"(through) {
    let most = 0;
    const { data } = await axios.put(`${through}/length`, new Blob([new Uint8Array(3e6)]), {
      onUploadProgress: ({ loaded }) => { most = Math.max(most, loaded); },
    });
    return [data, most];
  },
  async ky(through) {
    const reply = await ky.post(`${through}/echo`, { json: { asked: 1 }, headers: { "X-Key": "k" } });
    const { method, key, body } = await reply.json();
    return [method, key, body, reply.headers.get("x-of-target")];
  },
  async jQuery(through) {
    const data = await $.ajax({
      url: `${through}/echo`, method: "DELETE", headers: { "X-Key": "k" }, dataType: "json",
    });
    return [data.method, data.key, data.body];
  },
  async superagent(through) {
    const { body, headers } = await superagent.put(`${through}/echo`).set("X-Key", "k").send({ asked: 1 });
    return [body.method, body.key, body.body, headers["x-of-target"]];
  },
  async "rss-parser"(through) {
    const { title, items } = await new Parser().parseURL(`${through}/feed.xml`);
    return [title, items.map((item) => item.title)];
  },
  async "isomorphic-git"(through, { proxy, target }) {
    const fs = new FS("repository", { wipe: true });
    await git.clone({ fs, http, dir: "/", url: `${target}/repository.git`, corsProxy: proxy });
    return [await fs.promises.readFile("/told.txt", "utf8"), (await git.log({ fs, dir: "/" })).length];
  },
  "hls.js"(through) {
    return new Promise((done, fail) => {
      const hls = new Hls({ enableWorker: false });
      hls.on(Hls.Events.FRAG_LOADED, (_, { frag, payload }) => {
        const found = [frag.url.startsWith(through), payload.byteLength];
        hls.destroy();
        done(found);
      });
      hls.on(Hls.Events.ERROR, (_, { details, fatal }) => fatal && fail(new Error(details)));
      hls.loadSource(`${through}/film/main.m3u8`);
      hls.attachMedia(document.createElement("video"));
    });
  },
  "dash.js"(through) {
    return new Promise((done, fail) => {
      const video = document.body.appendChild(document.createElement("video"));
      video.muted = true;
      const player = MediaPlayer().create();
      const loaded = [];
      player.on(MediaPlayer.events.FRAGMENT_LOADING_COMPLETED, ({ request }) => loaded.push(request.url));
      player.on(MediaPlayer.events.ERROR, ({ error }) => fail(new Error(error.message)));
      video.onended = () => {
        const found = [video.videoWidth, Math.round(video.duration), loaded.every((url) => url.startsWith(through))];
        player.destroy();
        done(found);
      };
      player.initialize(video, `${through}/files/film.mpd`, true);
    });
  },
  async "sql.js-httpvfs"(through, { page }) {
    const parts = `${page}/modules/sql.js-httpvfs/dist`;
    const config = { serverMode: "full", url: `${through}/files/data.sqlite`, requestChunkSize: 4096 };
    const { db, worker } = await createDbWorker(
      [{ from: "inline", config }], `${parts}/sqlite.worker.js`, `${parts}/sql-wasm.wasm`);
    const [{ text }] = await db.query("SELECT text FROM told WHERE name = ?", ["name 12345"]);
    const { totalFetchedBytes, totalBytes } = await worker.getStats();
    return [text.trim().split(" ").length, totalFetchedBytes < totalBytes / 10];
  },
  async "pdf.js"(through, { page }) {
    pdfjs.GlobalWorkerOptions.workerSrc = `${page}/modules/pdfjs-dist/build/pdf.worker.min.mjs`;
    const loading = pdfjs.getDocument({
      url: `${through}/large.pdf`, disableStream: true, disableAutoFetch: true,
    });
    const { numPages } = await loading.promise;
    await loading.destroy();
    return numPages;
  },
  async "swagger-ui"(through) {
    const place = document.body.appendChild(document.createElement("div"));
    SwaggerUI({
      url: `${through}/openapi.json`, domNode: place, docExpansion: "full",
      requestInterceptor: (request) => {
        if (!request.url.startsWith(through)) {
          request.url = through + new URL(request.url).pathname;
        }
        return request;
      },
    });
    (await appears(place, ".try-out__btn")).click();
    (await appears(place, ".execute")).click();
    return (await appears(place, ".live-responses-table tbody .response-col_status")).textContent.trim();
  },
  async leaflet(through) {
    const place = document.body.appendChild(document.createElement("div"));
    place.style.cssText = "width: 300px; height: 300px";
    const map = L.map(place, { center: [0, 0], zoom: 1, fadeAnimation: false, zoomAnimation: false });
    const tiles = L.tileLayer(`${through}/red.svg?{z}/{x}/{y}`, { crossOrigin: true });
    const failed = [];
    tiles.on("tileerror", ({ error }) => failed.push(String(error)));
    await new Promise((done) => tiles.on("load", done).addTo(map));
    const canvas = document.createElement("canvas").getContext("2d");
    canvas.drawImage(tiles.getContainer().querySelector("img"), 0, 0);
    return [failed, [...canvas.getImageData(1, 1, 1, 1).data]];
  },
  "tus-js-client": (through, { mount }) => uploaded(mount),
  "tus-js-client, any URL": (through) => uploaded(through),
};

function uploaded(base) {
  return new Promise((done, fail) => {
    const upload = new tus.Upload(new Blob([new Uint8Array(300_000)]), {
      endpoint: `${base}/uploads/`, chunkSize: 100_000, retryDelays: null,
      onError: fail, onSuccess: () => done(upload.url.startsWith(base) || upload.url),
    });
    upload.start();
  });
}

function appears(place, selector) {
  return new Promise((done) => {
    const look = () => {
      const found = place.querySelector(selector);
      if (found) done(found);
      else requestAnimationFrame(look);
    };
    look();
  });
}

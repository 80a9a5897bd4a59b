// A cloud for a test run: `kowloon up` as a process of its own, in a home of its own, on a free port.
"use strict";

const { spawn } = require("node:child_process");
const { mkdtemp, readFile, rm } = require("node:fs/promises");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { setTimeout: pause } = require("node:timers/promises");

const START_MS = 60_000;

class Kowloon {
  // `endpoint` is host:port; `keys` are accountId, accessKeyId and accessKeySecret of its administrator.
  static async start(...options) {
    const cloud = new Kowloon();
    cloud.home = await mkdtemp(join(tmpdir(), "kowloon-"));
    cloud.process = spawn("kowloon", ["up", "--engine", "paper", "--port", "0", "--quiet", ...options], {
      env: { ...process.env, KOWLOON_HOME: cloud.home },
      stdio: ["ignore", "ignore", "inherit"],
    });
    cloud.ended = new Promise((resolve) => cloud.process.once("close", resolve));
    cloud.process.once("error", (problem) => (cloud.problem = problem));
    try {
      await cloud.#wait();
    } catch (problem) {
      await cloud.stop();
      throw problem;
    }
    return cloud;
  }

  async #wait() {
    for (const deadline = Date.now() + START_MS; Date.now() < deadline; await pause(20)) {
      if (this.problem || this.process.exitCode !== null) {
        throw new Error(`kowloon did not start: ${this.problem || `exit code ${this.process.exitCode}`}`);
      }
      const server = await this.#read("server.json");
      const credentials = server && (await this.#read("credentials.json"));
      if (credentials) {
        this.endpoint = server.endpoint;
        this.keys = {
          accountId: credentials.account_id,
          accessKeyId: credentials.access_key_id,
          accessKeySecret: credentials.access_key_secret,
        };
        this.token = credentials.admin_token;
        return;
      }
    }
    throw new Error(`kowloon did not start within ${START_MS / 1000} s`);
  }

  async #read(name) {
    try {
      return JSON.parse(await readFile(join(this.home, name), "utf8"));
    } catch {
      return null;
    }
  }

  // The operator's own calls: `admin("POST", "faults", { kind: "zone-power", scope: ["cn-hongkong-c"] })`.
  async admin(method, path, body) {
    const answer = await fetch(`http://${this.endpoint}/_kowloon/${path}`, {
      method,
      headers: { Authorization: `Bearer ${this.token}`, "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const told = await answer.json();
    if (!answer.ok) throw new Error(`${told.Code}: ${told.Message}`);
    return told;
  }

  reset() {
    return this.admin("POST", "reset");
  }

  async stop() {
    this.process.kill("SIGTERM");
    if (!this.problem) await this.ended;
    await rm(this.home, { recursive: true, force: true });
  }
}

module.exports = { Kowloon };

// ali-oss, driven line by line: `node oss.js OPTIONS`. Each line of input is {"method", "args"}, each line of output its
// {"value"} or {"error"}. Bytes travel as {"base64"}.
//
// Beside the client's own methods: `interruptedUpload(name, file, options)` cancels a multipart upload after its first
// part and gives the checkpoint to go on from.
// The option `via` is the port that every host name leads to, as an entry in a hosts file would.
"use strict";

const http = require("http");
const readline = require("readline");
const OSS = require("ali-oss");

const { via, ...options } = JSON.parse(process.argv[2]);
if (via) {
  const lookup = (host, how, done) => (
    how.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4)
  );
  options.agent = new http.Agent({ keepAlive: true, lookup });
  options.endpoint = `${options.endpoint}:${via}`;
}
const client = new OSS(options);

async function interruptedUpload(name, file, settings) {
  let kept;
  const progress = (share, checkpoint) => {
    if (share > 0) {
      kept = JSON.parse(JSON.stringify(checkpoint));
      client.cancel();
    }
  };
  try {
    await client.multipartUpload(name, file, { ...settings, parallel: 1, progress });
  } catch (problem) {
    if (!client.isCancel()) throw problem;
  }
  return kept;
}

function received(value) {
  return value && value.base64 !== undefined ? Buffer.from(value.base64, "base64") : value;
}

function sent(name, value) {
  if (value && value.type === "Buffer" && Array.isArray(value.data)) {
    return { base64: Buffer.from(value.data).toString("base64") };
  }
  // Of a raw response only what the server said.
  return name === "res" && value ? { status: value.status, headers: value.headers } : value;
}

async function answer({ method, args }) {
  const run = method === "interruptedUpload" ? interruptedUpload : client[method].bind(client);
  try {
    const value = await run(...args.map(received));
    return { value: value === undefined ? null : value };
  } catch (problem) {
    const { name, status, code, message, requestId, ecCode, hostId } = problem;
    return { error: { name, status, code, message, requestId, ecCode, hostId } };
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await answer(JSON.parse(line)), sent));
  }
  process.exit(0);
}

main();

// ali-oss: writes, reads, lists, signs a URL and is refused once. `eval "$(kowloon env --for oss)"` comes first.
//
// sldEnable puts the bucket into the path. For an address such as 127.0.0.1 this client writes a host name of its own
// and signs no URLs, so the endpoint is localhost.
"use strict";

const OSS = require("ali-oss");

const v4 = (process.env.OSS_SIGNATURE_VERSION || "v4") === "v4";
const options = {
  endpoint: process.env.KOWLOON_URL.replace("127.0.0.1", "localhost"),
  region: `oss-${process.env.ALIBABA_CLOUD_REGION_ID}`,
  accessKeyId: process.env.OSS_ACCESS_KEY_ID,
  accessKeySecret: process.env.OSS_ACCESS_KEY_SECRET,
  bucket: "greetings-ali-oss",
  authorizationV4: v4,
  sldEnable: true,
};

async function main() {
  const client = new OSS(options);
  await client.putBucket(options.bucket);
  await client.put("letters/hello.txt", Buffer.from("Hello, Kowloon"));
  console.log("read:", (await client.get("letters/hello.txt")).content.toString());
  const found = await client.listV2({ prefix: "letters/" });
  console.log("names:", ...found.objects.map((each) => each.name));
  const url = v4 ? await client.signatureUrlV4("GET", 60, {}, "letters/hello.txt") : client.signatureUrl("letters/hello.txt");
  console.log("signed:", await (await fetch(url)).text());
  try {
    await client.get("letters/lost.txt");
  } catch (error) {
    console.log("refused:", error.status, error.code, error.message);
  }
}

main();

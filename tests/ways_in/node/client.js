// One way in with the official Node clients: `node client.js pop-core|openapi-core`. Prints one JSON report.
"use strict";

const env = process.env;
const region = env.ALIBABA_CLOUD_REGION_ID;
const credentials = {
  accessKeyId: env.ALIBABA_CLOUD_ACCESS_KEY_ID,
  accessKeySecret: env.ALIBABA_CLOUD_ACCESS_KEY_SECRET,
};
const scheme = new URL(env.KOWLOON_URL).protocol.slice(0, -1);
// An official name under `kowloon run`.
const host = env.WAYS_IN_HOST || env.KOWLOON_ENDPOINT;

function popCore() {
  const { RPCClient } = require("@alicloud/pop-core");
  const client = new RPCClient({ ...credentials, endpoint: `${scheme}://${host}`, apiVersion: "2016-04-28" });
  return (action, parameters, method) => client.request(action, parameters, { method, timeout: 15000 });
}

function openapiCore() {
  const { default: Client, $OpenApiUtil } = require("@alicloud/openapi-core");
  const { RuntimeOptions } = require("@darabonba/typescript");
  const { Config, OpenApiRequest, Params } = $OpenApiUtil;
  const client = new Client(new Config({ ...credentials, endpoint: host, protocol: scheme, regionId: region }));
  return async (action, parameters, method) => {
    const params = new Params({
      action, version: "2016-04-28", protocol: scheme, pathname: "/", method, authType: "AK", style: "RPC",
      reqBodyType: "formData", bodyType: "json",
    });
    const runtime = new RuntimeOptions({ connectTimeout: 5000, readTimeout: 15000 });
    const answer = await client.callApi(params, new OpenApiRequest({ query: parameters }), runtime);
    return answer.body;
  };
}

async function main(call) {
  const regions = await call("DescribeRegions", {}, "POST");
  const made = await call("CreateVpc", {
    RegionId: region, CidrBlock: "10.0.0.0/8", VpcName: env.WAYS_IN_NAME,
    "Tag.1.Key": "way in", "Tag.1.Value": env.WAYS_IN_TAG,
  }, "POST");
  const seen = await call("DescribeVpcs", { RegionId: region, VpcId: made.VpcId }, "GET");
  let error = {};
  try {
    await call("DeleteVpc", { RegionId: region, VpcId: "vpc-missing" }, "POST");
  } catch (caught) {
    const data = caught.data || {};
    error = { code: caught.code, message: caught.message, status: data.statusCode || caught.statusCode };
  }
  return {
    regions: regions.Regions.Region.map((each) => each.RegionId),
    vpc: made.VpcId,
    name: seen.Vpcs.Vpc[0].VpcName,
    tag: seen.Vpcs.Vpc[0].Tags.Tag[0].Value,
    error,
  };
}

main({ "pop-core": popCore, "openapi-core": openapiCore }[process.argv[2]]())
  .then((report) => console.log(JSON.stringify(report)))
  .catch((problem) => {
    console.error(problem);
    process.exitCode = 1;
  });

// mocha: one cloud for the run, nothing in it at the beginning of each test.
"use strict";

const assert = require("node:assert");
const { default: Client, $OpenApiUtil } = require("@alicloud/openapi-core");
const { RuntimeOptions } = require("@darabonba/typescript");
const { Kowloon } = require("./kowloon");

const { Config, OpenApiRequest, Params } = $OpenApiUtil;
const REGION = "cn-hongkong";

describe("networks", function () {
  this.timeout(90_000);
  let kowloon;
  let client;

  before(async () => {
    kowloon = await Kowloon.start("--region", REGION);
    client = new Client(new Config({ ...kowloon.keys, endpoint: kowloon.endpoint, protocol: "http", regionId: REGION }));
  });
  beforeEach(() => kowloon.reset());
  after(() => kowloon && kowloon.stop());

  async function call(action, query = {}) {
    const params = new Params({
      action, version: "2016-04-28", protocol: "http", pathname: "/", method: "POST", authType: "AK", style: "RPC",
      reqBodyType: "formData", bodyType: "json",
    });
    const request = new OpenApiRequest({ query: { RegionId: REGION, ...query } });
    return (await client.callApi(params, request, new RuntimeOptions({}))).body;
  }

  async function networks() {
    return (await call("DescribeVpcs")).Vpcs.Vpc.map((vpc) => vpc.VpcName);
  }

  it("lists a network", async () => {
    await call("CreateVpc", { VpcName: "first", CidrBlock: "10.0.0.0/8" });
    assert.deepStrictEqual(await networks(), ["first"]);
  });

  it("begins with nothing", async () => {
    assert.deepStrictEqual(await networks(), []);
  });

  it("refuses as the vendor does", async () => {
    await assert.rejects(call("DeleteVpc", { VpcId: "vpc-none" }), { code: "InvalidVpcID.NotFound" });
  });

  it("breaks a zone", async () => {
    const fault = await kowloon.admin("POST", "faults", { kind: "zone-power", scope: ["cn-hongkong-c"] });
    assert.strictEqual(fault.phase, "injected");
    await kowloon.admin("POST", `faults/${fault.id}/recover`);
  });
});

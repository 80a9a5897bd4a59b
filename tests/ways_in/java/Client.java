// One way in with the official Java clients: `java -cp ... Client core|tea`. Prints one JSON report.

import com.aliyun.tea.TeaException;
import com.aliyun.teaopenapi.models.Config;
import com.aliyun.teaopenapi.models.OpenApiRequest;
import com.aliyun.teaopenapi.models.Params;
import com.aliyun.teautil.models.RuntimeOptions;
import com.aliyuncs.CommonRequest;
import com.aliyuncs.DefaultAcsClient;
import com.aliyuncs.exceptions.ClientException;
import com.aliyuncs.http.MethodType;
import com.aliyuncs.http.ProtocolType;
import com.aliyuncs.profile.DefaultProfile;
import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

public final class Client {
    private static final String VERSION = "2016-04-28";
    private static final Gson GSON = new Gson();

    private interface Caller {
        JsonObject call(String action, String method, Map<String, String> parameters) throws Exception;
    }

    private static String env(String name) {
        return System.getenv(name);
    }

    /** Where the client is told to call: an official name when a proxy leads here. */
    private static String host() {
        String name = env("WAYS_IN_HOST");
        return name == null || name.isEmpty() ? env("KOWLOON_ENDPOINT") : name;
    }

    private static String scheme() {
        return URI.create(env("KOWLOON_URL")).getScheme();
    }

    private static Caller core() throws Exception {
        DefaultProfile profile = DefaultProfile.getProfile(
            env("ALIBABA_CLOUD_REGION_ID"), env("ALIBABA_CLOUD_ACCESS_KEY_ID"), env("ALIBABA_CLOUD_ACCESS_KEY_SECRET"));
        // This client reads the proxy variables by itself.
        DefaultAcsClient client = new DefaultAcsClient(profile);
        return (action, method, parameters) -> {
            CommonRequest request = new CommonRequest();
            request.setSysDomain(host());
            request.setSysVersion(VERSION);
            request.setSysAction(action);
            request.setSysMethod(MethodType.valueOf(method));
            request.setSysProtocol(ProtocolType.valueOf(scheme().toUpperCase()));
            parameters.forEach(request::putQueryParameter);
            return GSON.fromJson(client.getCommonResponse(request).getData(), JsonObject.class);
        };
    }

    private static Caller tea() throws Exception {
        Config config = new Config()
            .setAccessKeyId(env("ALIBABA_CLOUD_ACCESS_KEY_ID"))
            .setAccessKeySecret(env("ALIBABA_CLOUD_ACCESS_KEY_SECRET"))
            .setRegionId(env("ALIBABA_CLOUD_REGION_ID"))
            .setEndpoint(host())
            .setProtocol(scheme())
            // This client reads no proxy variable.
            .setHttpProxy(env("HTTP_PROXY"))
            .setHttpsProxy(env("HTTPS_PROXY"))
            .setNoProxy(env("NO_PROXY"));
        com.aliyun.teaopenapi.Client client = new com.aliyun.teaopenapi.Client(config);
        RuntimeOptions runtime = new RuntimeOptions();
        runtime.connectTimeout = 5000;
        runtime.readTimeout = 15000;
        return (action, method, parameters) -> {
            Params params = new Params().setAction(action).setVersion(VERSION).setProtocol(scheme()).setPathname("/")
                .setMethod(method).setAuthType("AK").setStyle("RPC").setReqBodyType("formData").setBodyType("json");
            Map<String, ?> answer = client.callApi(params, new OpenApiRequest().setQuery(parameters), runtime);
            return GSON.toJsonTree(answer.get("body")).getAsJsonObject();
        };
    }

    private static Map<String, Object> refusal(Caller caller) throws Exception {
        Map<String, Object> error = new LinkedHashMap<>();
        try {
            caller.call("DeleteVpc", "POST", Map.of("RegionId", env("ALIBABA_CLOUD_REGION_ID"), "VpcId", "vpc-missing"));
        } catch (TeaException caught) {
            error.put("code", caught.getCode());
            error.put("message", caught.getMessage());
            error.put("status", caught.getStatusCode());
        } catch (ClientException caught) {
            error.put("code", caught.getErrCode());
            error.put("message", caught.getErrMsg());
        }
        return error;
    }

    public static void main(String[] arguments) throws Exception {
        Caller caller = arguments[0].equals("core") ? core() : tea();
        String region = env("ALIBABA_CLOUD_REGION_ID");
        List<String> regions = new ArrayList<>();
        JsonObject known = caller.call("DescribeRegions", "POST", Map.of());
        for (JsonElement each : known.getAsJsonObject("Regions").getAsJsonArray("Region")) {
            regions.add(each.getAsJsonObject().get("RegionId").getAsString());
        }
        JsonObject made = caller.call("CreateVpc", "POST", Map.of(
            "RegionId", region, "CidrBlock", "10.0.0.0/8", "VpcName", env("WAYS_IN_NAME"),
            "Tag.1.Key", "way in", "Tag.1.Value", env("WAYS_IN_TAG")));
        String id = made.get("VpcId").getAsString();
        JsonObject seen = caller.call("DescribeVpcs", "GET", Map.of("RegionId", region, "VpcId", id))
            .getAsJsonObject("Vpcs").getAsJsonArray("Vpc").get(0).getAsJsonObject();
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("regions", regions);
        report.put("vpc", id);
        report.put("name", seen.get("VpcName").getAsString());
        report.put("tag", seen.getAsJsonObject("Tags").getAsJsonArray("Tag").get(0).getAsJsonObject().get("Value").getAsString());
        report.put("error", refusal(caller));
        // The platform's character set may be ASCII.
        new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8).println(GSON.toJson(report));
        // The clients' connection pools keep threads.
        System.exit(0);
    }
}

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.aliyun.tea.TeaException;
import com.aliyun.teaopenapi.Client;
import com.aliyun.teaopenapi.models.Config;
import com.aliyun.teaopenapi.models.OpenApiRequest;
import com.aliyun.teaopenapi.models.Params;
import com.aliyun.teautil.models.RuntimeOptions;
import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** JUnit: one cloud for the class, nothing in it at the beginning of each test. */
final class NetworksTest {
    private static final String REGION = "cn-hongkong";
    private static Kowloon kowloon;
    private static Client client;

    @BeforeAll
    static void start() throws Exception {
        kowloon = new Kowloon("--region", REGION);
        client = new Client(new Config()
            .setAccessKeyId(kowloon.key("access_key_id"))
            .setAccessKeySecret(kowloon.key("access_key_secret"))
            .setRegionId(REGION)
            .setEndpoint(kowloon.endpoint)
            .setProtocol("http"));
    }

    @AfterAll
    static void stop() throws Exception {
        kowloon.close();
    }

    @BeforeEach
    void reset() throws Exception {
        kowloon.admin("POST", "reset", "");
    }

    private static JsonObject call(String action, Map<String, String> parameters) throws Exception {
        Params params = new Params().setAction(action).setVersion("2016-04-28").setProtocol("http").setPathname("/")
            .setMethod("POST").setAuthType("AK").setStyle("RPC").setReqBodyType("formData").setBodyType("json");
        Map<String, String> query = new HashMap<>(parameters);
        query.put("RegionId", REGION);
        Map<String, ?> answer = client.callApi(params, new OpenApiRequest().setQuery(query), new RuntimeOptions());
        return new Gson().toJsonTree(answer.get("body")).getAsJsonObject();
    }

    private static List<String> networks() throws Exception {
        List<String> names = new ArrayList<>();
        for (JsonElement vpc : call("DescribeVpcs", Map.of()).getAsJsonObject("Vpcs").getAsJsonArray("Vpc")) {
            names.add(vpc.getAsJsonObject().get("VpcName").getAsString());
        }
        return names;
    }

    @Test
    void aNetworkIsListed() throws Exception {
        call("CreateVpc", Map.of("VpcName", "first", "CidrBlock", "10.0.0.0/8"));
        assertEquals(List.of("first"), networks());
    }

    @Test
    void everyTestBeginsWithNothing() throws Exception {
        assertEquals(List.of(), networks());
    }

    @Test
    void itRefusesAsTheVendorDoes() {
        TeaException refused = assertThrows(TeaException.class, () -> call("DeleteVpc", Map.of("VpcId", "vpc-none")));
        assertEquals("InvalidVpcID.NotFound", refused.getCode());
    }
}

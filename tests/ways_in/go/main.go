// One way in with the official Go clients: `client tea|core`. Prints one JSON report.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/alibabacloud-go/tea/tea"
	core "github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	coreerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
)

const version = "2016-04-28"

var (
	region = os.Getenv("ALIBABA_CLOUD_REGION_ID")
	id     = os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_ID")
	secret = os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET")
)

type fault struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Status  int    `json:"status"`
}

type answer struct {
	VpcId   string
	Regions struct{ Region []struct{ RegionId string } }
	Vpcs    struct {
		Vpc []struct {
			VpcName string
			Tags    struct{ Tag []struct{ Key, Value string } }
		}
	}
}

type call func(action, method string, parameters map[string]string) (answer, error)

// host is where the client is told to call: an official name when a proxy leads here.
func host() string {
	if name := os.Getenv("WAYS_IN_HOST"); name != "" {
		return name
	}
	return os.Getenv("KOWLOON_ENDPOINT")
}

func scheme() string {
	address, err := url.Parse(os.Getenv("KOWLOON_URL"))
	check(err)
	return address.Scheme
}

func teaCall() call {
	client, err := openapi.NewClient(&openapi.Config{
		AccessKeyId: tea.String(id), AccessKeySecret: tea.String(secret), RegionId: tea.String(region),
		Endpoint: tea.String(host()), Protocol: tea.String(scheme()),
	})
	check(err)
	return func(action, method string, parameters map[string]string) (given answer, err error) {
		query := map[string]*string{}
		for name, value := range parameters {
			query[name] = tea.String(value)
		}
		result, err := client.CallApi(&openapi.Params{
			Action: tea.String(action), Version: tea.String(version), Protocol: tea.String(scheme()),
			Pathname: tea.String("/"), Method: tea.String(method), AuthType: tea.String("AK"), Style: tea.String("RPC"),
			ReqBodyType: tea.String("formData"), BodyType: tea.String("json"),
		}, &openapi.OpenApiRequest{Query: query}, &dara.RuntimeOptions{
			ConnectTimeout: tea.Int(5000), ReadTimeout: tea.Int(15000),
		})
		if err != nil {
			return given, err
		}
		body, err := json.Marshal(result["body"])
		check(err)
		return given, json.Unmarshal(body, &given)
	}
}

func coreCall() call {
	client, err := core.NewClientWithAccessKey(region, id, secret)
	check(err)
	return func(action, method string, parameters map[string]string) (given answer, err error) {
		request := requests.NewCommonRequest()
		request.Method = method
		request.Scheme = scheme()
		request.Domain = host()
		request.Version = version
		request.ApiName = action
		for name, value := range parameters {
			request.QueryParams[name] = value
		}
		response, err := client.ProcessCommonRequest(request)
		if err != nil {
			return given, err
		}
		return given, json.Unmarshal(response.GetHttpContentBytes(), &given)
	}
}

func described(err error) fault {
	var ofTea interface {
		error
		GetCode() *string
		GetMessage() *string
		GetStatusCode() *int
	}
	var ofTeaV1 *tea.SDKError
	var ofCore *coreerrors.ServerError
	switch {
	case errors.As(err, &ofTea):
		return fault{tea.StringValue(ofTea.GetCode()), tea.StringValue(ofTea.GetMessage()), tea.IntValue(ofTea.GetStatusCode())}
	case errors.As(err, &ofTeaV1):
		return fault{tea.StringValue(ofTeaV1.Code), tea.StringValue(ofTeaV1.Message), tea.IntValue(ofTeaV1.StatusCode)}
	case errors.As(err, &ofCore):
		return fault{ofCore.ErrorCode(), ofCore.Message(), ofCore.HttpStatus()}
	}
	return fault{Message: fmt.Sprintf("%T: %v", err, err)}
}

func check(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%T: %v\n", err, err)
		os.Exit(1)
	}
}

func main() {
	do := map[string]func() call{"tea": teaCall, "core": coreCall}[os.Args[1]]()
	regions, err := do("DescribeRegions", "POST", nil)
	check(err)
	made, err := do("CreateVpc", "POST", map[string]string{
		"RegionId": region, "CidrBlock": "10.0.0.0/8", "VpcName": os.Getenv("WAYS_IN_NAME"),
		"Tag.1.Key": "way in", "Tag.1.Value": os.Getenv("WAYS_IN_TAG"),
	})
	check(err)
	seen, err := do("DescribeVpcs", "GET", map[string]string{"RegionId": region, "VpcId": made.VpcId})
	check(err)
	_, refusal := do("DeleteVpc", "POST", map[string]string{"RegionId": region, "VpcId": "vpc-missing"})
	names := []string{}
	for _, each := range regions.Regions.Region {
		names = append(names, each.RegionId)
	}
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"regions": names, "vpc": made.VpcId, "name": seen.Vpcs.Vpc[0].VpcName,
		"tag": seen.Vpcs.Vpc[0].Tags.Tag[0].Value, "error": described(refusal),
	}))
}

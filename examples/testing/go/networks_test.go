// go test: one cloud for the run, nothing in it at the beginning of each test.
package networks

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"testing"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/alibabacloud-go/tea/tea"
)

const region = "cn-hongkong"

var kowloon *Kowloon

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if kowloon, err = StartKowloon("--region", region); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer kowloon.Stop()
		return m.Run()
	}())
}

func call(t *testing.T, action string, parameters map[string]string) (map[string]any, error) {
	t.Helper()
	client, err := openapi.NewClient(&openapi.Config{
		AccessKeyId: tea.String(kowloon.AccessKeyID), AccessKeySecret: tea.String(kowloon.AccessKeySecret),
		RegionId: tea.String(region), Endpoint: tea.String(kowloon.Endpoint), Protocol: tea.String("http"),
	})
	if err != nil {
		t.Fatal(err)
	}
	query := map[string]*string{"RegionId": tea.String(region)}
	for name, value := range parameters {
		query[name] = tea.String(value)
	}
	answer, err := client.CallApi(&openapi.Params{
		Action: tea.String(action), Version: tea.String("2016-04-28"), Protocol: tea.String("http"),
		Pathname: tea.String("/"), Method: tea.String("POST"), AuthType: tea.String("AK"), Style: tea.String("RPC"),
		ReqBodyType: tea.String("formData"), BodyType: tea.String("json"),
	}, &openapi.OpenApiRequest{Query: query}, &dara.RuntimeOptions{})
	if err != nil {
		return nil, err
	}
	return answer["body"].(map[string]any), nil
}

func networks(t *testing.T) []string {
	t.Helper()
	body, err := call(t, "DescribeVpcs", nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := json.Marshal(body)
	var answer struct {
		Vpcs struct{ Vpc []struct{ VpcName string } }
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, vpc := range answer.Vpcs.Vpc {
		names = append(names, vpc.VpcName)
	}
	return names
}

func fresh(t *testing.T) {
	t.Helper()
	if _, err := kowloon.Admin("POST", "reset", nil); err != nil {
		t.Fatal(err)
	}
}

func TestANetworkIsListed(t *testing.T) {
	fresh(t)
	if _, err := call(t, "CreateVpc", map[string]string{"VpcName": "first", "CidrBlock": "10.0.0.0/8"}); err != nil {
		t.Fatal(err)
	}
	if found := networks(t); !reflect.DeepEqual(found, []string{"first"}) {
		t.Fatal(found)
	}
}

func TestEveryTestBeginsWithNothing(t *testing.T) {
	fresh(t)
	if found := networks(t); len(found) != 0 {
		t.Fatal(found)
	}
}

func TestItRefusesAsTheVendorDoes(t *testing.T) {
	fresh(t)
	_, err := call(t, "DeleteVpc", map[string]string{"VpcId": "vpc-none"})
	var refused *tea.SDKError
	if !errors.As(err, &refused) || tea.StringValue(refused.Code) != "InvalidVpcID.NotFound" {
		t.Fatal(err)
	}
}

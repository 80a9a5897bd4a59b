// One way in with the official Go client of the object store: `client v1|v4 BUCKET`. Prints one JSON report.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss/credentials"
)

type report struct {
	Read, Signed, Uploaded string
	Names                  []string
	Code, Message, Request string
	Status                 int
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	version := oss.SignatureVersionV4
	if os.Args[1] == "v1" {
		version = oss.SignatureVersionV1
	}
	// The endpoint is an address: the client puts the bucket into the path by itself.
	client := oss.NewClient(oss.LoadDefaultConfig().
		WithCredentialsProvider(credentials.NewEnvironmentVariableCredentialsProvider()).
		WithEndpoint(os.Getenv("KOWLOON_URL")).
		WithRegion(os.Getenv("ALIBABA_CLOUD_REGION_ID")).
		WithSignatureVersion(version))
	bucket, key, body := oss.Ptr(os.Args[2]), oss.Ptr("letters/香港 a+b.txt"), []byte("Hello, Kowloon")

	must(client.PutBucket(ctx, &oss.PutBucketRequest{Bucket: bucket}))
	must(client.PutObject(ctx, &oss.PutObjectRequest{Bucket: bucket, Key: key, Body: bytes.NewReader(body)}))
	found := must(client.GetObject(ctx, &oss.GetObjectRequest{Bucket: bucket, Key: key}))
	told := report{Read: text(found.Body)}

	// In parts, three at a time.
	large := bytes.Repeat([]byte("0123456789abcdef"), 20*1024)
	uploader := client.NewUploader(func(options *oss.UploaderOptions) { options.PartSize = 100 * 1024 })
	parts := oss.Ptr("parts")
	must(uploader.UploadFrom(ctx, &oss.PutObjectRequest{Bucket: bucket, Key: parts}, bytes.NewReader(large)))
	head := must(client.HeadObject(ctx, &oss.HeadObjectRequest{Bucket: bucket, Key: parts}))
	told.Uploaded = oss.ToString(head.ObjectType)

	pages := client.NewListObjectsV2Paginator(&oss.ListObjectsV2Request{Bucket: bucket, MaxKeys: 1})
	for pages.HasNext() {
		for _, each := range must(pages.NextPage(ctx)).Contents {
			told.Names = append(told.Names, oss.ToString(each.Key))
		}
	}
	signed := must(client.Presign(ctx, &oss.GetObjectRequest{Bucket: bucket, Key: key}))
	told.Signed = text(must(http.Get(signed.URL)).Body)

	_, err := client.HeadObject(ctx, &oss.HeadObjectRequest{Bucket: bucket, Key: oss.Ptr("lost")})
	var refused *oss.ServiceError
	if errors.As(err, &refused) {
		told.Code, told.Message, told.Request = refused.Code, refused.Message, refused.RequestID
		told.Status = refused.StatusCode
	}
	check(json.NewEncoder(os.Stdout).Encode(told))
}

func text(body io.ReadCloser) string {
	defer body.Close()
	return string(must(io.ReadAll(body)))
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

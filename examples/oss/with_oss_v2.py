"""alibabacloud-oss-v2: writes, reads, lists, signs a URL and is refused once. `eval "$(kowloon env --for oss)"` first.

The endpoint is an address, so the client puts the bucket into the path by itself. V4 signatures, unless told v1.
"""

import os
import urllib.request

import alibabacloud_oss_v2 as oss

BUCKET, KEY = "greetings-oss-v2", "letters/hello.txt"

config = oss.config.load_default()
config.credentials_provider = oss.credentials.EnvironmentVariableCredentialsProvider()
config.endpoint = os.environ["KOWLOON_URL"]
config.region = os.environ["ALIBABA_CLOUD_REGION_ID"]
config.signature_version = os.environ.get("OSS_SIGNATURE_VERSION", "v4")
client = oss.Client(config)

client.put_bucket(oss.PutBucketRequest(bucket=BUCKET))
client.put_object(oss.PutObjectRequest(bucket=BUCKET, key=KEY, body=b"Hello, Kowloon"))
found = client.get_object(oss.GetObjectRequest(bucket=BUCKET, key=KEY))
print("read:", found.body.content.decode())
pages = client.list_objects_v2_paginator().iter_page(oss.ListObjectsV2Request(bucket=BUCKET, prefix="letters/"))
print("names:", *(each.key for page in pages for each in page.contents))
with urllib.request.urlopen(client.presign(oss.GetObjectRequest(bucket=BUCKET, key=KEY)).url) as answer:
    print("signed:", answer.read().decode())
try:
    client.get_object(oss.GetObjectRequest(bucket=BUCKET, key="letters/lost.txt"))
except oss.exceptions.OperationError as error:
    refusal = error.unwrap()
    print("refused:", refusal.status_code, refusal.code, refusal.message)

"""oss2: writes, reads, lists, signs a URL and is refused once. `eval "$(kowloon env --for oss)"` comes first.

The endpoint is an address, so the client puts the bucket into the path by itself.
"""

import os
import urllib.request

import oss2
from oss2.credentials import EnvironmentVariableCredentialsProvider

provider = EnvironmentVariableCredentialsProvider()
if os.environ.get("OSS_SIGNATURE_VERSION", "v4") == "v4":
    auth = oss2.ProviderAuthV4(provider)
else:
    auth = oss2.ProviderAuth(provider)
bucket = oss2.Bucket(auth, os.environ["KOWLOON_URL"], "greetings-oss2", region=os.environ["ALIBABA_CLOUD_REGION_ID"])

bucket.create_bucket()
bucket.put_object("letters/hello.txt", "Hello, Kowloon")
print("read:", bucket.get_object("letters/hello.txt").read().decode())
print("names:", *(found.key for found in oss2.ObjectIteratorV2(bucket, prefix="letters/")))
with urllib.request.urlopen(bucket.sign_url("GET", "letters/hello.txt", 60, slash_safe=True)) as answer:
    print("signed:", answer.read().decode())
try:
    bucket.get_object("letters/lost.txt")
except oss2.exceptions.NoSuchKey as error:
    print("refused:", error.status, error.code, error.message)

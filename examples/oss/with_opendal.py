"""OpenDAL: the store as its service `oss`. `eval "$(kowloon env --for oss)"` comes first; the bucket has to exist.

addressing_style puts the bucket into the path: the default asks for bucket.127.0.0.1, which is no host.
"""

import os

import opendal

store = opendal.Operator(
    "oss",
    bucket="greetings-opendal",
    endpoint=os.environ["KOWLOON_URL"],
    addressing_style="path",
    access_key_id=os.environ["OSS_ACCESS_KEY_ID"],
    access_key_secret=os.environ["OSS_ACCESS_KEY_SECRET"],
)

store.write("letters/hello.txt", b"Hello, Kowloon")
print("read:", store.read("letters/hello.txt").decode())
print("names:", *(entry.path for entry in store.list("letters/")))
try:
    store.read("letters/lost.txt")
except opendal.exceptions.NotFound as error:
    print("refused:", type(error).__name__)

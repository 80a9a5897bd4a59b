"""ossfs: the store as a file system of fsspec. `eval "$(kowloon env --for oss)"` comes first; the bucket has to exist.

ossfs holds oss2 at an older version: give it an environment of its own.
"""

import os

import fsspec

files = fsspec.filesystem(
    "oss",
    endpoint=os.environ["KOWLOON_URL"],
    key=os.environ["OSS_ACCESS_KEY_ID"],
    secret=os.environ["OSS_ACCESS_KEY_SECRET"],
)
folder = "greetings-ossfs/letters"

with files.open(f"{folder}/hello.txt", "wb") as file:
    file.write(b"Hello, Kowloon")
with files.open(f"{folder}/hello.txt", "rb") as file:
    print("read:", file.read().decode())
print("names:", *files.ls(folder, detail=False))
try:
    files.cat_file(f"{folder}/lost.txt")
except FileNotFoundError as error:
    print("refused:", type(error).__name__)

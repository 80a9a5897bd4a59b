"""The codecs of OSS, the object storage protocol: addresses, signatures, XML, errors and header values. No state."""

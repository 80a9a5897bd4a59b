"""DescribeRegions: where buckets can be, and under which names they answer there."""

from __future__ import annotations

from kowloon.services.oss import answers
from kowloon.services.oss.buckets.setting_errors import NO_SUCH_REGION
from kowloon.services.oss.call import Call
from kowloon.services.oss.product import oss
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.xml import Content, document, elements


@oss.operation("DescribeRegions", "service", "GET", "regions")
def describe_regions(call: Call) -> HttpResponse:
    """All, or the one that `regions=oss-cn-hangzhou` names."""
    regions = list(call.parts.board.topology.regions)
    wanted = call.query["regions"]
    if wanted:
        regions = [region for region in regions if f"oss-{region}" == wanted]
        if not regions:
            raise NO_SUCH_REGION.error(extra={"Region": wanted})
    infos: list[Content] = [
        {
            "Region": f"oss-{region}",
            "InternetEndpoint": f"oss-{region}.aliyuncs.com",
            "InternalEndpoint": f"oss-{region}-internal.aliyuncs.com",
            "AccelerateEndpoint": "oss-accelerate.aliyuncs.com",
        }
        for region in regions
    ]
    return answers.document(document("RegionInfoList", elements({"RegionInfo": infos})))

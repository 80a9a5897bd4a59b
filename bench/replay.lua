-- Replays request heads from a file in order, each followed by a body of the given size.
-- Arguments: the file (heads end with a NUL), the size of the body in bytes, the number of the first head from 0.
local JOINED_AHEAD_BYTES = 512 * 1024 * 1024
local heads, body, index = {}, "", 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  for head in file:read("*a"):gmatch("[^%z]+") do
    heads[#heads + 1] = head
  end
  file:close()
  body = string.rep("0123456789abcdef", tonumber(args[2]) / 16)
  if #heads * #body <= JOINED_AHEAD_BYTES then
    for number, head in ipairs(heads) do
      heads[number] = head .. body
    end
    body = ""
  end
  -- wrk asks for one request that it only parses.
  index = tonumber(args[3]) - 1
end

function request()
  index = index % #heads + 1
  return heads[index] .. body
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "took_us": %d, "bytes": %d, "refused": %d, "broken": %d, "p50_us": %d, "p99_us": %d}\n',
    summary.requests, summary.duration, summary.bytes, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end

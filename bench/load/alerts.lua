-- wrk's side of the load: every request is an alert of a group of its own, and the result is one line of JSON.
-- Arguments: the body, in which, as in the path, @ stands for the number; and where numbers begin.
local threads = 0

function setup(thread)
  thread:set("id", threads)
  threads = threads + 1
end

function init(args)
  number = tonumber(args[2]) + id * 10000000
  body, path = split(args[1]), split(wrk.path)
end

function split(text)
  local parts = {}
  for part in (text .. "@"):gmatch("(.-)@") do
    parts[#parts + 1] = part
  end
  return parts
end

function request()
  number = number + 1
  local content = table.concat(body, string.format("bench-%08d", number))
  return wrk.format("POST", table.concat(path, number), { ["Content-Type"] = "application/json" }, content)
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    '{"answered": %d, "failed": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "max_ms": %f}\n',
    summary.requests, failed, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end

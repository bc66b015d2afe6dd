-- Requests for wrk: each one is chosen at random from a file.
-- Arguments: the file. Each line has a method, a path, a token, and bodies that are sent in turn.
-- Prints the result as JSON in its last line; `status` counts the answers from 400 on.

local requests = {}
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

local function formatted(method, path, token, bodies)
  local headers = { ["Authorization"] = "Bearer " .. token, ["Host"] = wrk.headers["Host"] }
  if #bodies == 0 then return { turn = 0, wrk.format(method, path, headers) } end
  headers["Content-Type"] = "application/json"
  local variants = { turn = 0 }
  for _, body in ipairs(bodies) do
    table.insert(variants, wrk.format(method, path, headers, body))
  end
  return variants
end

function init(arguments)
  math.randomseed(number)  -- the same for every server, and another in each thread
  for line in io.lines(arguments[1]) do
    local method, path, token, rest = line:match("^(%S+)\t(%S+)\t(%S+)(.*)$")
    local bodies = {}
    for body in rest:gmatch("[^\t]+") do table.insert(bodies, body) end
    table.insert(requests, formatted(method, path, token, bodies))
  end
end

function request()
  local chosen = requests[math.random(#requests)]
  chosen.turn = chosen.turn % #chosen + 1
  return chosen[chosen.turn]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, '
      .. '"errors": {"status": %d, "connect": %d, "read": %d, "write": %d, "timeout": %d}}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect, errors.read, errors.write, errors.timeout
  ))
end

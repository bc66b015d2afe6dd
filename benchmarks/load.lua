-- Requests for wrk: each as a random user, for a random todo of theirs.
-- Arguments: the route, and a file with a line "token id id ..." for each user.
-- Prints the result as JSON in its last line; `status` counts the answers from 400 on.

local verbs = { list = "GET", get = "GET", create = "POST", patch = "PATCH", toggle = "POST" }
local bodies = { create = '{"title": "Buy milk"}', patch = '{"title": "Buy milk, and bread"}' }
local mixed = { "list", "get", "patch", "toggle" }
local requests = {}
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

local function prepare(route, token, id)
  local path = "/api/todos"
  if id then path = path .. "/" .. id end
  if route == "toggle" then path = path .. "/toggle" end
  local headers = { ["Authorization"] = "Bearer " .. token, ["Host"] = wrk.headers["Host"] }
  if bodies[route] then headers["Content-Type"] = "application/json" end
  table.insert(requests, wrk.format(verbs[route], path, headers, bodies[route]))
end

function init(arguments)
  math.randomseed(number)  -- the same for every server, and another in each thread
  for line in io.lines(arguments[2]) do
    local token, ids = line:match("^(%S+) (.*)$")
    for id in ids:gmatch("%S+") do
      for _, route in ipairs(arguments[1] == "mix" and mixed or { arguments[1] }) do
        prepare(route, token, route ~= "list" and route ~= "create" and id or nil)
      end
    end
  end
end

function request()
  return requests[math.random(#requests)]
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

-- The requests of every scenario, and the report as one JSON line. After `--` on wrk's command line come the name of the
-- traffic, the bytes of a POST and the number of routes. wrk renders a request once; only "routes" makes each anew.

local IDS = 1000 -- values of a route's parameter

function init(args)
    local traffic, post_bytes, routes = args[1], tonumber(args[2]), tonumber(args[3])
    if traffic == "post" then
        wrk.method = "POST"
        wrk.headers["Content-Type"] = "application/octet-stream"
        wrk.body = string.rep("p", post_bytes)
    elseif traffic == "routes" then
        math.randomseed(1) -- the same requests for every server
        request = function()
            return wrk.format("GET", "/things" .. math.random(0, routes - 1) .. "/" .. math.random(0, IDS - 1))
        end
    end
end

function done(summary, latency, requests)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    print(string.format(
        '{"requests": %d, "failed": %d, "elapsed_us": %d, "p50_us": %d, "p99_us": %d}',
        summary.requests, failed, summary.duration, latency:percentile(50), latency:percentile(99)
    ))
end

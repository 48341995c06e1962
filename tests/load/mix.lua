-- For wrk: requests of a list of paths, each as often as its weight says; what came of them as one line of JSON.
-- wrk … -s mix.lua URL -- FILE KEY PAUSE MARK ONE_OF; a line of FILE is a weight and a path, PAUSE how many
-- milliseconds a connection rests on average before it asks again, MARK a header that one request of ONE_OF carries.
local threads = {}

function setup(thread)
    thread:set("number", #threads + 1)
    table.insert(threads, thread)
end

function init(arguments)
    local headers = { ["Authorization"] = "Bearer " .. arguments[2] }
    local marked_headers = { ["Authorization"] = headers["Authorization"], [arguments[4]] = "1" }
    requests, marked, bounds, total, one_of = {}, {}, {}, 0, tonumber(arguments[5])
    for line in io.lines(arguments[1]) do
        local weight, path = line:match("^(%S+) (%S+)$")
        total = total + tonumber(weight)
        table.insert(bounds, total)
        table.insert(requests, wrk.format("GET", path, headers))
        table.insert(marked, wrk.format("GET", path, marked_headers))
    end
    math.randomseed(number)
    local pause = tonumber(arguments[3])
    if pause > 0 then
        -- wrk looks whether there is one. Not all alike, or all would ask at once again and again.
        delay = function()
            return math.random(0, 2 * pause)
        end
    end
end

function request()
    local drawn = math.random() * total
    local low, high = 1, #bounds
    while low < high do
        local middle = math.floor((low + high) / 2)
        if bounds[middle] < drawn then
            low = middle + 1
        else
            high = middle
        end
    end
    if math.random(one_of) == 1 then
        return marked[low]
    end
    return requests[low]
end

function done(summary, latency, _)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests":%d,"seconds":%.6f,"p50":%.3f,"p95":%.3f,"p99":%.3f,"bytes":%d,'
            .. '"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d}\n',
        summary.requests, summary.duration / 1e6,
        latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3, summary.bytes,
        errors.connect, errors.read, errors.write, errors.timeout, errors.status
    ))
end

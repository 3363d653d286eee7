-- Asks for the targets in the file that TARGETS names, one after another and then from the first
-- again, PIPELINED of them at once. The requests are made ahead; choosing one costs wrk a table
-- look-up.

dofile("report.lua")

local requests = {}
local at = 0

function init()
    local pipelined = tonumber(os.getenv("PIPELINED") or "1")
    local targets = {}
    for target in io.lines(os.getenv("TARGETS")) do
        targets[#targets + 1] = wrk.format("GET", target)
    end
    if pipelined == 1 then
        requests = targets
        return
    end
    for first = 1, math.max(#targets, pipelined), pipelined do
        local together = {}
        for offset = 0, pipelined - 1 do
            together[#together + 1] = targets[(first + offset - 1) % #targets + 1]
        end
        requests[#requests + 1] = table.concat(together)
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end

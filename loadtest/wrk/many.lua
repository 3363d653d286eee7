-- Asks for each of 1,000 posts in turn, in a shuffled order that is the same in each run. The
-- requests are made ahead; choosing one costs wrk a table look-up.

dofile("report.lua")

local POSTS = 1000
local requests = {}
local at = 0

function init()
    for number = 1, POSTS do
        requests[number] = wrk.format("GET", string.format("/post?id=post-%04d", number))
    end
    -- A fixed seed: what is measured should not depend on the draw.
    math.randomseed(1)
    for last = POSTS, 2, -1 do
        local other = math.random(last)
        requests[last], requests[other] = requests[other], requests[last]
    end
end

function request()
    at = at % POSTS + 1
    return requests[at]
end

-- Writes new posts of about 400 octets of JSON.

dofile("report.lua")

local CONTENT = string.rep("Printed once, read everywhere. ", 10)

-- Apart from what earlier runs have written.
math.randomseed(os.time())
local run = string.format("%06d", math.random(999999))
local written = 0

wrk.method = "POST"

function request()
    written = written + 1
    return wrk.format(nil, nil, nil, string.format(
        '{"id":"post-%s-%08d","title":"Post %d","content":"%s","author":"Ada"}',
        run, written, written, CONTENT))
end

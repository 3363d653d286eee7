-- Writes posts of about 400 octets of JSON: every second one is new, the others replace one of the
-- first 10,000 by other content. No two of the 64 that are in flight have the same id, because the
-- first 1,000 are new.

dofile("report.lua")

local CONTENT = string.rep("Printed once, read everywhere. ", 10)
local KEPT = 10000
local APART = 1000

-- Apart from what earlier runs have written.
math.randomseed(os.time())
local run = string.format("%06d", math.random(999999))
local created = 0
local written = 0
local replaced = 0

wrk.method = "POST"

function request()
    written = written + 1
    local id
    if written % 2 == 1 or created < APART then
        created = created + 1
        id = created
    else
        -- In turn, so that each is replaced long after it was last written.
        replaced = replaced % math.min(created, KEPT) + 1
        id = replaced
    end
    return wrk.format(nil, nil, nil, string.format(
        '{"id":"mixed-%s-%08d","title":"Post %d","content":"%s","author":"Ada"}',
        run, id, written, CONTENT))
end

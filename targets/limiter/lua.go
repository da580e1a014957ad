package limiter

// lua returns the script of an algorithm for Redis. What all have in common is around the
// function that decides, which is the arithmetic of the Go function of the same name.
// Numbers are doubles, exact up to 2^53.
func lua(algo Algo) string {
	switch algo {
	case TokenBucket:
		return luaBegin + luaToken + luaEnd
	case LeakyBucket:
		return luaBegin + luaLeaky + luaEnd
	case SlidingLog:
		return luaLog
	case SlidingWindow:
		return luaBegin + luaSliding + luaEnd
	case FixedWindow:
		return luaBegin + luaFixed + luaEnd
	default:
		return luaBegin + luaGCRA + luaEnd
	}
}

const luaBegin = `local now = tonumber(ARGV[1])

local function arg(i, k)
  return tonumber(ARGV[1 + 7 * (i - 1) + k])
end

local function rescale(amount, from, to)
  if from == to or from == 0 then
    return amount
  end
  return math.floor(amount * to / from)
end

local function backlog(s, interval, burst)
  local at = math.max(s[1], now)
  local level = math.min(rescale(s[2], s[3], interval), burst * interval)
  return at, math.max(level - 1000 * (at - s[1]), 0)
end
`

const luaGCRA = `
local function take(s, cost, interval, burst)
  local at, level = backlog(s, interval, burst)
  level = level + cost * interval
  return level <= burst * interval, at, level, interval
end
`

const luaToken = `
local function take(s, cost, interval, burst)
  local full = burst * interval
  local at, credit = math.max(s[1], now), full
  if s[3] ~= 0 then
    credit = math.min(rescale(s[2], s[3], interval) + 1000 * (at - s[1]), full)
  end
  credit = credit - cost * interval
  return credit >= 0, at, credit, interval
end
`

const luaLeaky = `
local function take(s, cost, interval, burst, _, _, delay)
  local at, ahead = backlog(s, interval, burst)
  local level = ahead + cost * interval
  local late = delay > 0 and cost > 0 and ahead > delay
  return level <= burst * interval and not late, at, level, interval
end
`

const luaFixed = `
local function take(s, cost, _, _, limit, window)
  local start, count = now - now % window, 0
  if s[1] >= start then
    start, count = s[1], s[2]
  end
  return count + cost <= limit, start, count + cost, 0
end
`

const luaSliding = `
local function take(s, cost, _, _, limit, window)
  local start, count, before = now - now % window, 0, 0
  if s[1] >= start then
    start, count, before = s[1], s[2], s[3]
  elseif s[1] == start - window then
    before = s[2]
  end
  local elapsed = math.min(math.max(now - start, 0), window)
  local room = limit * window - before * (window - elapsed) - count * window
  return cost * window <= room, start, count + cost, before
end
`

const luaEnd = `
local reply, after, all = {}, {}, true
for i, key in ipairs(KEYS) do
  local s = {0, 0, 0}
  local text = redis.call('GET', key)
  if text then
    local a, b, c = string.match(text, '^(%-?%d+) (%-?%d+) (%-?%d+)$')
    s = {tonumber(a), tonumber(b), tonumber(c)}
  end
  local admitted, a, b, c = take(s, arg(i, 1), arg(i, 2), arg(i, 3), arg(i, 4), arg(i, 5), arg(i, 6))
  all = all and admitted
  after[i] = string.format('%.0f %.0f %.0f', a, b, c)
  for k = 1, 3 do
    reply[#reply + 1] = s[k]
  end
end
if all then
  for i, key in ipairs(KEYS) do
    redis.call('SET', key, after[i], 'PX', ARGV[1 + 7 * i])
  end
end
return reply
`

const luaLog = `local now = tonumber(ARGV[1])

local function rank(key, i)
  local member = redis.call('ZRANGE', key, i, i)[1]
  return member and tonumber(string.match(member, '^%d+')) or 0
end

local reply, at, all = {}, {}, true
for i, key in ipairs(KEYS) do
  local a = 1 + 7 * (i - 1)
  local cost, limit, window = tonumber(ARGV[a + 1]), tonumber(ARGV[a + 4]), tonumber(ARGV[a + 5])
  local newest = rank(key, -1)
  at[i] = math.max(now, newest)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', at[i] - window))
  local count, blocks = redis.call('ZCARD', key), 0
  local over = count + cost - limit
  if count == 0 then
    newest = 0
  elseif over > 0 then
    blocks = rank(key, math.min(over, count) - 1)
  end
  all = all and over <= 0
  reply[#reply + 1] = count
  reply[#reply + 1] = blocks
  reply[#reply + 1] = newest
end
if all then
  for i, key in ipairs(KEYS) do
    local score = string.format('%.0f', at[i])
    local twins = redis.call('ZCOUNT', key, score, score)
    for k = 0, tonumber(ARGV[2 + 7 * (i - 1)]) - 1 do
      redis.call('ZADD', key, score, score .. '-' .. (twins + k))
    end
    redis.call('PEXPIRE', key, ARGV[1 + 7 * i])
  end
end
return reply
`

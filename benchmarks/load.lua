-- What a browser sends with fetch(): 14 fields with Host and Connection.
wrk.headers["Connection"] = "keep-alive"
wrk.headers["sec-ch-ua"] = '"Chromium";v="130", "Not?A_Brand";v="99"'
wrk.headers["sec-ch-ua-mobile"] = "?0"
wrk.headers["sec-ch-ua-platform"] = '"Linux"'
wrk.headers["User-Agent"] =
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
wrk.headers["Accept"] = "application/json, text/plain, */*"
wrk.headers["Accept-Language"] = "en-GB,en;q=0.9,de;q=0.8"
wrk.headers["Accept-Encoding"] = "gzip, deflate, br, zstd"
wrk.headers["Origin"] = "https://app.example"
wrk.headers["Referer"] = "https://app.example/dashboard"
wrk.headers["Sec-Fetch-Dest"] = "empty"
wrk.headers["Sec-Fetch-Mode"] = "cors"
wrk.headers["Sec-Fetch-Site"] = "cross-site"

function init(words)
  for _, word in ipairs(words) do
    if word == "preflight" then
      wrk.method = "OPTIONS"
      wrk.headers["Access-Control-Request-Method"] = "PUT"
      wrk.headers["Access-Control-Request-Headers"] = "authorization,content-type"
    elseif word == "refuse" then
      wrk.headers["Origin"] = nil
    elseif word == "closes" then
      wrk.headers["Connection"] = "close"
    end
  end
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    "RESULT %d %d %d %d %d %d %d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.timeout, e.status, summary.bytes))
end

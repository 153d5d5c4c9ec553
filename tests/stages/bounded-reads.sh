# One client sends the worst queries that its limits allow, on 32 connections, while another client lists posts: its p99 is
# at most RATIO times the p99 without the first client. POSTS is the number of posts.
build
folder=$work/reads
account author "$folder"
account reader "$folder"
account editor "$folder"
python3 tests/reads/fill.py "$folder/tenon.db" "${POSTS:-200000}"
# Without the response cache and the rate limits, so that each request reads the database.
export TENON_CACHE_BYTES=0 TENON_RATE_LIMITS=off
serve "$folder"
python3 tests/reads/bounded.py "$address" "$(token editor)" "$(token reader)" --ratio "${RATIO:-3}"
stop "$service"

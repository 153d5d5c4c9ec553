# A published database of countries: `geo install`, `geo check`, and the redirects of a running server.
build
npm_tools tests/geo
package=$modules/node_modules/@ip-location-db/geo-whois-asn-country-mmdb
geo=$work/geo
mkdir -p "$geo"
(cd "$geo" && npm pack --silent "$package" >/dev/null)
"$tenon" geo install "$geo"/*.tgz --data-dir "$geo"
cmp "$geo/country.mmdb" "$package/geo-whois-asn-country.mmdb"
export TENON_GEO_DATABASE=$geo/country.mmdb TENON_TRUSTED_PROXIES=127.0.0.1 TENON_RATE_LIMITS=off
# The countries of these addresses have not changed for many years.
cat > "$geo/expected" <<'EXPECTED'
2.3.4.5 FR
212.27.40.240 FR
2a01:e00::1 FR
193.99.144.80 DE
8.8.8.8 US
2001:4860:4860::8888 US
10.0.0.1 -
192.168.1.1 -
127.0.0.1 -
fd00::1 -
EXPECTED
"$tenon" geo check $(sed 's/^\([^ ]*\) .*/--address \1/' "$geo/expected") | tail -n "$(wc -l < "$geo/expected")" > "$geo/actual"
diff "$geo/expected" "$geo/actual"
serve "$geo"
account accountant "$geo"
python3 tests/geo/lookups.py "$url" "$(token accountant)" "$geo/expected"
stop "$service"

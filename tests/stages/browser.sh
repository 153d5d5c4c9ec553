# Swagger UI in a browser: sign-in, reads, a create and a stale update with "Try it out". Then a page of another site, which
# signs in with a cookie.
command -v chromium >/dev/null || apt_install chromium
build
export TENON_RATE_LIMITS=off
serve "$work/browser" --demo
account admin "$work/browser"
npm_tools tests/browser
cp tests/browser/*.mjs "$modules/"
SHOTS=$root/target node "$modules/swagger.mjs" "$url" admin@acme.test "$password"
node "$modules/measure.mjs" "$url"
stop "$service"
page_port=$(free_port) other_port=$(free_port)
export TENON_CORS_ORIGINS=http://127.0.0.1:$page_port
serve "$work/browser"
node "$modules/cross_site.mjs" "http://localhost:${address##*:}" admin@acme.test "$password" "$page_port" "$other_port"
stop "$service"

# Swagger UI in a browser: sign-in, reads, a create and a stale update with "Try it out".
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

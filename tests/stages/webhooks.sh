# Webhooks as the providers' own libraries sign them, against the running service.
build
npm_tools tests/webhooks
folder=$work/webhooks
mkdir -p "$folder/handbook"
printf '# Welcome\n\nHow we work.\n' > "$folder/handbook/welcome.md"
export STRIPE_SECRET=whsec_of_this_stage_alone STRIPE_FORMER=whsec_of_the_stage_before DOCS=welcome
export GITHUB_SECRET="A secret of this stage alone"
# Through a proxy, as all webhooks come: one address alone may send 32 bodies at a time.
export TENON_TRUSTED_PROXIES=127.0.0.1
export TENON_RATE_LIMITS=off TENON_WEBHOOKS_GITHUB_DOCS=$folder/handbook
export TENON_WEBHOOKS_STRIPE_SECRETS=$STRIPE_FORMER,$STRIPE_SECRET TENON_WEBHOOKS_GITHUB_SECRETS=$GITHUB_SECRET
serve "$folder"
account admin "$folder"
cp tests/webhooks/*.mjs "$modules/"
admin=$(token admin)
node "$modules/send.mjs" "$url" "$admin"
stop "$service"
# KILLS says how often it is struck down while it is told.
TENON_TIMEOUT_SCALE=0.1 node "$modules/kill.mjs" "$tenon" "$folder" "127.0.0.1:$(free_port)" "$admin" "${KILLS:-10}"
# Without what it needs to believe a webhook, the service does not start.
for wrong in TENON_WEBHOOKS_STRIPE_SECRETS= TENON_WEBHOOKS_STRIPE_SECRETS=short TENON_WEBHOOKS_GITHUB_SECRETS=, \
  TENON_WEBHOOKS_PAYPAL_ID=8PT597110X687430LKGECATA; do
  if env "$wrong" timeout 20 "$tenon" config >/dev/null 2>&1; then echo "it starts with $wrong" >&2; exit 1; fi
done

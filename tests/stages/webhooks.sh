# Incoming webhooks, signed with the libraries of the providers, against a running server.
build
npm_tools tests/webhooks
folder=$work/webhooks
mkdir -p "$folder/handbook"
printf '# Welcome\n\nHow we work.\n' > "$folder/handbook/welcome.md"
export STRIPE_SECRET=whsec_current_of_this_stage STRIPE_OLD_SECRET=whsec_old_of_this_stage DOCUMENT=welcome
export GITHUB_SECRET="The secret of this stage"
# A trusted proxy is exempt from the limit of 32 concurrent bodies per client address.
export TENON_TRUSTED_PROXIES=127.0.0.1
export TENON_RATE_LIMITS=off TENON_WEBHOOKS_GITHUB_DOCS=$folder/handbook
export TENON_WEBHOOKS_STRIPE_SECRETS=$STRIPE_OLD_SECRET,$STRIPE_SECRET TENON_WEBHOOKS_GITHUB_SECRETS=$GITHUB_SECRET
serve "$folder"
account admin "$folder"
cp tests/webhooks/*.mjs "$modules/"
admin=$(token admin)
node "$modules/send.mjs" "$url" "$admin"
stop "$service"
# KILLS is the number of SIGKILLs while events arrive.
TENON_TIMEOUT_SCALE=0.1 node "$modules/kill.mjs" "$tenon" "$folder" "127.0.0.1:$(free_port)" "$admin" "${KILLS:-10}"
# Invalid settings of a provider are an error at startup.
for invalid in TENON_WEBHOOKS_STRIPE_SECRETS= TENON_WEBHOOKS_STRIPE_SECRETS=short TENON_WEBHOOKS_GITHUB_SECRETS=, \
  TENON_WEBHOOKS_PAYPAL_ID=8PT597110X687430LKGECATA; do
  if env "$invalid" timeout 20 "$tenon" config >/dev/null 2>&1; then echo "tenon config accepts $invalid" >&2; exit 1; fi
done
